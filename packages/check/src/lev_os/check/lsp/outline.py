"""What a flow's text says, read so tolerantly that it works while somebody writes: steps, names and expressions.

Core's parser says what is wrong with a flow; this says where everything is. A step that makes no sense is left out
and the rest stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lev_os.core.documents import Path
from lev_os.core.flowmind.names import ITEM, NameUse, names_in

from .yaml_view import YamlView

BODIES = ("then", "else", "uncertain", "do", "default", "on_timeout", "try", "catch")
EXPRESSIONS = frozenset({"if", "while", "where", "switch"})
"""Keys whose value is CEL without braces."""
_LITERAL = frozenset(
    {"examples", "returns", "returns_schema", "tools", "context", "call", "flow", "id", "retry", "cases", *BODIES}
)
_FOR_EACH = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+(.*)", re.DOTALL)
_KINDS = (
    "ask", "call", "if", "if_semantic", "switch", "switch_semantic", "for_each", "while", "while_semantic", "parallel",
    "flow", "wait", "try", "set", "return",
)  # fmt: skip


@dataclass(eq=False, slots=True)
class Name:
    """A name of a scope. `places`: where it is written as a definition, (path, whether the path's key is meant)."""

    text: str
    kind: Literal["id", "set", "item", "input", "error"]
    places: list[tuple[Path, bool]] = field(default_factory=list)
    step: Step | None = None
    over: tuple[str, ...] | None = None
    """Of the item of a loop: the path that the loop goes through."""


@dataclass(eq=False, slots=True)
class Scope:
    """The names of a flow, of a body of `for_each` or of a branch of `parallel`."""

    path: Path
    outer: Scope | None = None
    names: dict[str, Name] = field(default_factory=dict)

    def find(self, text: str) -> tuple[Scope, Name] | None:
        """A name that can be read here, and its scope."""
        scope: Scope | None = self
        while scope is not None:
            if text in scope.names:
                return scope, scope.names[text]
            scope = scope.outer
        return None

    def visible(self) -> dict[str, Name]:
        """Every name that can be read here."""
        return {**(self.outer.visible() if self.outer else {}), **self.names}


@dataclass(eq=False, slots=True)
class Step:
    """A step: its path, its kind, the scope it stands in, the steps inside it."""

    path: Path
    kind: str
    id: str | None
    scope: Scope
    data: Mapping[str, Any]
    inside: dict[str, list[Step]] = field(default_factory=dict)
    """By the label of the body: `then`, a case, a branch."""
    scopes: dict[str, Scope] = field(default_factory=dict)
    """The scopes that it opens: by branch for `parallel`, under `do` for `for_each`."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A piece of CEL: the text it stands in, where it begins there, and what it may read."""

    path: Path
    start: int
    source: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Use:
    """A name in an expression; `name` is what its part number `part` refers to."""

    expression: Expression
    use: NameUse
    part: int
    name: Name


class Outline:
    """The steps, scopes and expressions of the flow in `view`."""

    def __init__(self, view: YamlView) -> None:
        self.view = view
        self.root = Scope(())
        self.root.names["input"] = Name("input", "input")
        self.expressions: list[Expression] = []
        self.scopes: list[Scope] = [self.root]
        self._bodies: dict[Path, Scope] = {("steps",): self.root}
        data = view.document.data
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.steps = self._steps(self.data.get("steps"), ("steps",), self.root)

    # --- reading

    def _steps(self, value: Any, path: Path, scope: Scope) -> list[Step]:
        self._bodies[path] = scope
        found = [self._step(item, (*path, index), scope) for index, item in enumerate(value if _is_list(value) else ())]
        return [step for step in found if step is not None]

    def _step(self, data: Any, path: Path, scope: Scope) -> Step | None:
        if not isinstance(data, Mapping):
            return None
        kind = next((name for name in _KINDS if name in data), "")
        given = data.get("id")
        step = Step(path, kind, given if isinstance(given, str) else None, scope, data)
        if step.id is not None:
            self._define(scope, step.id, "id", (*path, "id"), step=step)
        self._expressions_of(step)
        self._inside(step)
        return step

    def _inside(self, step: Step) -> None:
        data, path = step.data, step.path
        for key in BODIES:
            if key in data and not (key == "default" and step.kind != "switch"):
                scope = step.scopes.get(key, step.scope)
                step.inside[key] = self._steps(data[key], (*path, key), scope)
        for key in ("cases", "parallel"):
            given = data.get(key)
            for label, body in given.items() if isinstance(given, Mapping) else ():
                where: Path = (*path, key, label)
                if isinstance(body, Mapping):
                    body, where = body.get("then"), (*where, "then")
                scope = self._open(where, step.scope) if key == "parallel" else step.scope
                if key == "parallel":
                    step.scopes[label] = scope
                step.inside[label] = self._steps(body, where, scope)

    def _open(self, path: Path, outer: Scope) -> Scope:
        scope = Scope(path, outer)
        self.scopes.append(scope)
        return scope

    def _define(self, scope: Scope, text: str, kind: Any, path: Path, *, key: bool = False, step: Step | None) -> None:
        name = scope.names.setdefault(text, Name(text, kind, step=step))
        name.places.append((path, key))

    def _expressions_of(self, step: Step) -> None:
        data, path, scope = step.data, step.path, step.scope
        inner = scope
        if step.kind == "for_each":
            inner = step.scopes["do"] = self._open((*path, "do"), scope)
            match = _FOR_EACH.match(data["for_each"]) if isinstance(data["for_each"], str) else None
            if match:
                self.expressions.append(Expression((*path, "for_each"), match.start(2), match[2], scope))
                uses = names_in(match[2])
                over = uses[0].path if len(uses) == 1 and match[2].strip() == ".".join(uses[0].path) else None
                inner.names[match[1]] = Name(match[1], "item", [((*path, "for_each"), False)], step, over)
        if step.kind == "set" and isinstance(data["set"], Mapping):
            for name in data["set"]:
                self._define(scope, name, "set", (*path, "set", name), key=True, step=step)
        if "catch" in data:
            scope.names.setdefault("error", Name("error", "error"))
        for key, value in data.items():
            if key in EXPRESSIONS and isinstance(value, str):
                where = inner if key == "where" else scope
                self.expressions.append(Expression((*path, key), 0, value, where))
            elif key not in _LITERAL and key != "parallel" and not (key == "for_each" and step.kind == "for_each"):
                self._templates(value, (*path, key), inner if key == "collect" else scope)

    def _templates(self, value: Any, path: Path, scope: Scope) -> None:
        if isinstance(value, str):
            for start, end in braced(value):
                self.expressions.append(Expression(path, start, value[start:end], scope))
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._templates(item, (*path, key), scope)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._templates(item, (*path, index), scope)

    # --- asking

    def all_steps(self) -> Iterator[Step]:
        """Every step, a step before those inside it."""
        pending = list(reversed(self.steps))
        while pending:
            step = pending.pop()
            yield step
            for body in reversed(step.inside.values()):
                pending.extend(reversed(body))

    def scope_at(self, path: Path) -> Scope:
        """The scope that the value at a path stands in."""
        for length in range(len(path), 0, -1):
            if scope := self._bodies.get(path[:length]):
                return scope
        return self.root

    def step_at(self, path: Path) -> Step | None:
        """The innermost step that a path leads into."""
        found = None
        for step in self.all_steps():
            if path[: len(step.path)] == step.path:
                found = step
        return found

    def uses(self) -> Iterator[Use]:
        """Every part of every expression that refers to a name of the flow."""
        for expression in self.expressions:
            for use in names_in(expression.source):
                for part, name in self.resolve(expression.scope, use.path):
                    yield Use(expression, use, part, name)

    def resolve(self, scope: Scope, path: tuple[str, ...]) -> Iterator[tuple[int, Name]]:
        """Which parts of a path refer to which names: the first one, and ids in the results of loops and branches."""
        found = scope.find(path[0])
        if found is None:
            return
        name = found[1]
        yield 0, name
        inner = self._inner(found[0], name, path[1:])
        if inner is None:
            return
        scope, taken = inner
        if len(path) > 1 + taken and path[1 + taken] in scope.names:
            for part, deeper in self.resolve(scope, path[1 + taken :]):
                yield 1 + taken + part, deeper

    def _inner(self, scope: Scope, name: Name, rest: tuple[str, ...]) -> tuple[Scope, int] | None:
        """The scope whose ids are the fields of what `name` and the first parts of `rest` stand for."""
        step = name.step
        if name.kind == "item" and name.over is not None and scope.outer is not None:
            return self._of_item(scope.outer, name.over)
        if name.kind != "id" or step is None or not rest:
            return None
        if step.kind == "parallel" and rest[0] in step.scopes:
            return step.scopes[rest[0]], 1
        if step.kind == "for_each" and "collect" not in step.data and rest[0] == ITEM:
            return step.scopes["do"], 1
        return None

    def _of_item(self, scope: Scope, over: tuple[str, ...]) -> tuple[Scope, int] | None:
        """The scope whose ids are the fields of an item of the list at a path."""
        path = (*over, ITEM)
        at = 0
        while (found := scope.find(path[at])) is not None:
            inner = self._inner(found[0], found[1], path[at + 1 :])
            if inner is None:
                return None
            scope, at = inner[0], at + 1 + inner[1]
            if at == len(path):
                return scope, 0
        return None


def braced(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands inside each `${…}`; one that is not closed ends with the text."""
    at = 0
    while (start := text.find("${", at)) >= 0:
        depth = 0
        at = start + 2
        quote = ""
        while at < len(text):
            char = text[at]
            if quote:
                at += char == "\\"
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == "{":
                depth += 1
            elif char == "}":
                if depth == 0:
                    break
                depth -= 1
            at += 1
        yield start + 2, min(at, len(text))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
