"""Builds the steps of a flow from its document, and checks what a schema cannot say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..documents import Path, nearest, short
from ._reader import Reader
from ._scope import FIXED, Scope
from ._shapes import KINDS
from .expressions import is_identifier
from .model import (
    Ask,
    Call,
    Condition,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Set,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Try,
    Wait,
    While,
)  # fmt: skip

MAX_STEPS = 10_000
_FOR_EACH = re.compile(r"\s*(\S+)\s+in\s+(.+)", re.DOTALL)
_SYNONYMS = {
    "prompt": "ask", "llm": "ask", "tool": "call", "run": "call", "when": "if", "match": "switch", "case": "switch",
    "for": "for_each", "foreach": "for_each", "loop": "while", "repeat": "while", "until": "while", "let": "set",
    "assign": "set", "var": "set", "output": "return", "goto": "while", "approve": "wait", "subflow": "flow",
    "approval": "wait", "classify": "switch_semantic", "human": "wait", "respond": "return",
}  # fmt: skip
_VERDICT: Mapping[str, Any] = {
    "properties": {"holds": {}, "confidence": {}, "evidence": {}, "decided_by": {}},
    "additionalProperties": False,
}
_Data = Mapping[str, Any]


class Builder:
    """Builds steps in document order, so that a name is known from its step on."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.count = 0
        self._makers: dict[str, Callable[[_Data, Path, Scope, dict[str, Any]], Step]] = {
            "ask": self._ask, "call": self._call, "if": self._if, "if_semantic": self._if_semantic,
            "switch": self._switch, "switch_semantic": self._switch_semantic, "for_each": self._for_each,
            "while": self._while, "while_semantic": self._while, "parallel": self._parallel, "flow": self._flow,
            "wait": self._wait, "try": self._try, "set": self._set, "return": self._return,
        }  # fmt: skip

    def steps(self, value: Any, path: Path, scope: Scope) -> tuple[Step, ...]:
        """A list of steps; what is not a step has been reported and is left out."""
        built: list[Step] = []
        ended = False
        for index, data in enumerate(value if isinstance(value, list) else ()):
            at = (*path, index)
            if ended:
                self.reader.report(
                    "FLW401", at, "this step is never reached: the one before always returns", "remove it"
                )
                ended = False
            step = self._step(data, at, scope)
            if step is not None:
                built.append(step)
                ended = ends(step)
        return tuple(built)

    def _step(self, data: Any, path: Path, scope: Scope) -> Step | None:
        if not isinstance(data, dict):
            return None
        self.count += 1
        kinds = [name for name in KINDS if name in data]
        if not kinds:
            self._unknown_kind(data, path)
            return None
        if len(kinds) > 1:
            both = " and ".join(f"`{kind}`" for kind in kinds)
            self.reader.report(
                "FLW103", (*path, kinds[1]), f"one step cannot be {both}", "make each a step of its own", key=True
            )
        kind = kinds[0]
        base = {"path": _pointer(path), "id": self._id(data, path, scope), "at": self.reader.document.at(path)}
        step = self._makers[kind](data, path, scope, base)
        if step.id is not None:
            scope.define(step.id, self._schema_of(step))
        return step

    def _unknown_kind(self, data: _Data, path: Path) -> None:
        for key in data:
            meant = _SYNONYMS.get(key.lower())
            help = f"write `{meant}`" if meant else nearest(key, list(KINDS))
            if help:
                self.reader.report("FLW102", (*path, key), f"`{short(key)}` is not a kind of step", help, key=True)
                return
        keys = ", ".join(KINDS)
        self.reader.report("FLW102", path, "this step says not what it does", f"give it one of {keys}")

    def _id(self, data: _Data, path: Path, scope: Scope) -> str | None:
        name = data.get("id")
        if not isinstance(name, str):
            return None
        where = (*path, "id")
        if not self._name(name, where):
            return None
        first = scope.ids.get(name) or scope.outer_ids.get(name)
        if first:
            message = f"the id `{name}` is taken, at line {first.line}"
            self.reader.report("FLW202", where, message, "use another id; to give one name in both branches, use `set`")
        scope.ids.setdefault(name, self.reader.document.at(where))
        return name

    def _name(self, name: str, path: Path, *, key: bool = False) -> bool:
        """Report a name that expressions could not read."""
        if name in FIXED:
            self.reader.report("FLW203", path, f"`{name}` is given by the language", "choose another name", key=key)
        elif not is_identifier(name):
            fixed = re.sub(r"\W", "_", name) or "name"
            word = f"`{fixed}_`" if fixed == name else f"`{short(fixed)}`"
            why = "is a reserved word" if fixed == name else "cannot be read in expressions"
            self.reader.report("FLW203", path, f"the name `{short(name)}` {why}", f"write {word}", key=key)
        else:
            return True
        return False

    @staticmethod
    def _schema_of(step: Step) -> Mapping[str, Any] | None:
        match step:
            case Ask(returns=returns) | Wait(returns=returns):
                return returns
            case IfSemantic():
                return _VERDICT
            case Parallel(branches=branches):
                return {"properties": dict.fromkeys(branches), "additionalProperties": False}
        return None

    # --- effects

    def _ask(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        reader = self.reader
        return Ask(
            **base,
            instruction=reader.template(data["ask"], (*path, "ask"), scope),
            about=self._optional(data, "about", path, scope),
            returns=reader.schema(data, path, "returns"),
            tools=reader.references(data.get("tools"), (*path, "tools"), "tools"),
            context=reader.references(data.get("context"), (*path, "context"), "contexts"),
            retry=reader.retry(data.get("retry"), (*path, "retry")),
            timeout=reader.duration(data.get("timeout"), (*path, "timeout")),
        )

    def _optional(self, data: _Data, key: str, path: Path, scope: Scope) -> Any:
        given = isinstance(data.get(key), str | dict | list)
        return self.reader.template(data[key], (*path, key), scope) if given else None

    def _call(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        reader = self.reader
        return Call(
            **base,
            tool=reader.reference(data["call"], (*path, "call"), "tools"),
            with_=reader.values(data.get("with"), (*path, "with"), scope),
            retry=reader.retry(data.get("retry"), (*path, "retry")),
            timeout=reader.duration(data.get("timeout"), (*path, "timeout")),
        )

    def _flow(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        flow = self.reader.reference(data["flow"], (*path, "flow"), "flows")
        return SubFlow(**base, flow=flow, with_=self.reader.values(data.get("with"), (*path, "with"), scope))

    def _wait(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        if "on_timeout" in data and "timeout" not in data:
            self.reader.report(
                "FLW101", (*path, "on_timeout"), "`on_timeout` without a `timeout`", "add `timeout: 2d`", key=True
            )
        return Wait(
            **base,
            name=data["wait"] if isinstance(data["wait"], str) else "",
            about=self._optional(data, "about", path, scope),
            returns=self.reader.schema(data, path, "returns"),
            timeout=self.reader.duration(data.get("timeout"), (*path, "timeout")),
            on_timeout=self.steps(data.get("on_timeout"), (*path, "on_timeout"), scope),
        )

    # --- branches

    def _if(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        return If(
            **base,
            test=self.reader.expression(data["if"], (*path, "if"), scope),
            then=self.steps(data.get("then"), (*path, "then"), scope),
            else_=self.steps(data.get("else"), (*path, "else"), scope),
        )

    def _condition(self, data: _Data, kind: str, path: Path, scope: Scope) -> Condition:
        """A yes-or-no condition."""
        examples = data.get("examples")
        given = examples if isinstance(examples, dict) else {}
        return self._judged(data, kind, path, scope, ("yes", "no"), given)

    def _judged(
        self, data: _Data, kind: str, path: Path, scope: Scope, labels: Sequence[str], examples: Mapping[str, Any]
    ) -> Condition:
        confidence = data.get("confidence")
        texts = {label: examples.get(label) for label in labels}
        return Condition(
            statement=self.reader.template(data[kind], (*path, kind), scope),
            labels=tuple(labels),
            about=self._optional(data, "about", path, scope),
            confidence=float(confidence) if isinstance(confidence, int | float) else None,
            examples={label: tuple(map(str, items)) for label, items in texts.items() if isinstance(items, list)},
        )

    def _if_semantic(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        condition = self._condition(data, "if_semantic", path, scope)
        if base["id"]:
            scope.define(base["id"], _VERDICT)
        return IfSemantic(
            **base,
            condition=condition,
            then=self.steps(data.get("then"), (*path, "then"), scope),
            else_=self.steps(data.get("else"), (*path, "else"), scope),
            uncertain=self.steps(data.get("uncertain"), (*path, "uncertain"), scope),
        )

    def _switch(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        value = self.reader.expression(data["switch"], (*path, "switch"), scope)
        cases = data.get("cases")
        built = {
            label: self.steps(steps, (*path, "cases", label), scope)
            for label, steps in (cases if isinstance(cases, dict) else {}).items()
        }
        return Switch(
            **base, value=value, cases=built, default=self.steps(data.get("default"), (*path, "default"), scope)
        )

    def _switch_semantic(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        given = data.get("cases")
        cases = given if isinstance(given, dict) else {}
        examples = {label: case.get("examples") for label, case in cases.items() if isinstance(case, dict)}
        condition = self._judged(data, "switch_semantic", path, scope, tuple(cases), examples)
        if base["id"]:
            scope.define(base["id"])
        built = {}
        for label, case in cases.items():
            where: Path = (*path, "cases", label)
            if label == "uncertain":
                self.reader.report(
                    "FLW109", where, "a case cannot be named `uncertain`", "it is a key beside `cases`", key=True
                )
            inside = (case.get("then"), (*where, "then")) if isinstance(case, dict) else (case, where)
            built[label] = self.steps(*inside, scope)
        uncertain = self.steps(data.get("uncertain"), (*path, "uncertain"), scope)
        return SwitchSemantic(**base, condition=condition, cases=built, uncertain=uncertain)

    def _try(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        body = self.steps(data["try"], (*path, "try"), scope)
        with scope.catching():
            catch = self.steps(data.get("catch"), (*path, "catch"), scope)
        return Try(**base, body=body, catch=catch)

    # --- repetition

    def _while(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        bound = data.get("max_iterations")
        semantic = "while_semantic" in data and "while" not in data
        return While(
            **base,
            test=None if semantic else self.reader.expression(data["while"], (*path, "while"), scope),
            condition=self._condition(data, "while_semantic", path, scope) if semantic else None,
            max_iterations=bound if type(bound) is int else 1,
            do=self.steps(data.get("do"), (*path, "do"), scope),
        )

    def _for_each(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        where = (*path, "for_each")
        text = data["for_each"] if isinstance(data["for_each"], str) else ""
        match = _FOR_EACH.fullmatch(text)
        if match is None:
            self.reader.report(
                "FLW108", where, "`for_each` needs a name and a list", "write `order in customer.orders`"
            )
        variable, source = (match[1], match[2].strip()) if match else ("item", "[]")
        items = self.reader.expression(source, where, scope)
        inner = Scope(scope, "for_each")
        if self._name(variable, where):
            if variable in inner.outer:
                message = f"`{variable}` is already a name outside this loop"
                self.reader.report("FLW202", where, message, "choose another name for the item")
            inner.define(variable)
        test = self.reader.expression(data["where"], (*path, "where"), inner) if "where" in data else None
        limit = data.get("max_concurrency", 1)
        do = self.steps(data.get("do"), (*path, "do"), inner)
        return ForEach(
            **base,
            variable=variable,
            items=items,
            where=test,
            max_concurrency=limit if type(limit) is int else 1,
            collect=self.reader.value(data.get("collect"), (*path, "collect"), inner),
            has_collect="collect" in data,
            do=do,
        )

    def _parallel(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        given = data["parallel"]
        branches = given if isinstance(given, dict) else {}
        built = {}
        for name, steps in branches.items():
            where = (*path, "parallel", name)
            self._name(name, where, key=True)
            built[name] = self.steps(steps, where, Scope(scope, "parallel"))
        wait_for = data.get("wait_for", "all")
        if type(wait_for) is int and wait_for > len(branches):
            message = f"`wait_for: {wait_for}` of {len(branches)} branches can never be reached"
            self.reader.report("FLW110", (*path, "wait_for"), message, f"at most {len(branches)}")
        return Parallel(
            **base, branches=built, wait_for=wait_for if wait_for == "any" or type(wait_for) is int else "all"
        )

    # --- values

    def _set(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        values = self.reader.values(data["set"], (*path, "set"), scope)
        for name in values:
            where = (*path, "set", name)
            if not self._name(name, where, key=True):
                continue
            if name in scope.outer:
                message = f"`{name}` belongs outside: a body of `{scope.body}` works on a copy"
                help = f"use another name, and read the result of the `{scope.body}` step by its id"
                self.reader.report("FLW204", where, message, help, key=True)
            scope.define(name, {"any": name} if name in scope.own else None)
        return Set(**base, values=values)

    def _return(self, data: _Data, path: Path, scope: Scope, base: dict[str, Any]) -> Step:
        if scope.body:
            message = f"`return` cannot end the flow from a body of `{scope.body}`"
            self.reader.report("FLW205", path, message, f"set a value, and return after the `{scope.body}` step")
        return Return(**base, value=self.reader.value(data["return"], (*path, "return"), scope))


def ends(step: Step) -> bool:
    """Whether nothing after a step can be reached."""
    match step:
        case Return():
            return True
        case If(then=then, else_=other):
            return always_ends(then) and always_ends(other)
        case IfSemantic(then=then, else_=other, uncertain=uncertain):
            return all(map(always_ends, (then, other, uncertain)))
        case Switch(cases=cases, default=default):
            return all(map(always_ends, (*cases.values(), default)))
        case SwitchSemantic(cases=cases, uncertain=uncertain):
            return all(map(always_ends, (*cases.values(), uncertain)))
        case Try(body=body, catch=catch):
            return always_ends(body) and always_ends(catch)
    return False


def always_ends(steps: Sequence[Step]) -> bool:
    """Whether a list of steps always returns."""
    return any(map(ends, steps))


def _pointer(path: Path) -> str:
    return "/".join(part.replace("~", "~0").replace("/", "~1") if isinstance(part, str) else str(part) for part in path)
