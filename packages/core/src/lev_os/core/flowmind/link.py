"""Linking: from a flow's references to the contexts, tools, flows and constitutions that they name.

A linked flow is all that a machine needs; it can be pinned in a journal and read back without any package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ..canonical import digest
from ..errors import InvalidInput, LevError, Location, Problem
from ..tools import ToolCard
from .model import Ask, Call, FlowTree, Step, SubFlow
from .parse import parse_flow
from .walk import walk

if TYPE_CHECKING:
    from ..constitutional import Constitution
    from ..packaging import Package
    from .flow import Flow

MAX_FLOWS = 500
"""Flows in a linked flow, counted as often as they are reached."""

_T = TypeVar("_T")
Tools = Mapping[str, Callable[..., Any] | ToolCard]


@dataclass(frozen=True)
class LinkedContext:
    """A context as a model sees it. With `params`, `text` holds `${…}` over them."""

    specifier: str
    text: str
    digest: str
    params: tuple[str, ...] = ()

    @cached_property
    def tokens(self) -> int:
        """The o200k tokens of `text`."""
        from ..tokens import count

        return count(self.text)

    def render(self, scope: Mapping[str, Any]) -> str:
        """`text` with its `params` taken from `scope`; raises `LevError`."""
        from ..contexts.render import render_text

        return render_text(self.text, self.params, scope, self.specifier)


@dataclass(frozen=True, kw_only=True)
class LinkedFlow:
    """A flow and everything it refers to, keyed by the references as written in it."""

    tree: FlowTree
    specifier: str
    package: str | None
    contexts: Mapping[str, LinkedContext]
    tools: Mapping[str, ToolCard]
    flows: Mapping[str, LinkedFlow]
    constitutions: tuple[Constitution, ...]

    @cached_property
    def digest(self) -> str:
        """Of this flow's text and of all it is linked to."""
        return digest({
            "flow": self.tree.digest,
            "specifier": self.specifier,
            "contexts": {reference: context.digest for reference, context in self.contexts.items()},
            "tools": {reference: _card(card) for reference, card in self.tools.items()},
            "flows": {reference: flow.digest for reference, flow in self.flows.items()},
            "constitutions": [constitution.digest for constitution in self.constitutions],
        })  # fmt: skip

    @cached_property
    def size(self) -> int:
        """How many flows it holds, itself included."""
        return 1 + sum(flow.size for flow in self.flows.values())

    @cached_property
    def memo(self) -> dict[object, Any]:
        """What interpreters have worked out about this flow, for the runs to come; no part of its value."""
        return {}

    @cached_property
    def pinned(self) -> Mapping[str, Any]:
        """All of it as JSON, made once; `from_pinned` reads it back."""
        return {
            "specifier": self.specifier,
            "package": self.package,
            "text": self.tree.text,
            "contexts": {
                reference: {"specifier": c.specifier, "text": c.text, "digest": c.digest, "params": list(c.params)}
                for reference, c in self.contexts.items()
            },
            "tools": {
                reference: msgspec.to_builtins(card, order="deterministic") for reference, card in self.tools.items()
            },
            "flows": {reference: flow.pinned for reference, flow in self.flows.items()},
            "constitutions": [constitution.pinned() for constitution in self.constitutions],
        }

    @classmethod
    def from_pinned(cls, data: Mapping[str, Any]) -> LinkedFlow:
        """The linked flow that `pinned` wrote; nothing is looked up. Raises `InvalidInput` when it is damaged."""
        from ..constitutional import Constitution

        try:
            return cls(
                tree=parse_flow(data["text"], path=data["specifier"]),
                specifier=data["specifier"],
                package=data["package"],
                contexts={
                    reference: LinkedContext(c["specifier"], c["text"], c["digest"], tuple(c["params"]))
                    for reference, c in data["contexts"].items()
                },
                tools={reference: msgspec.convert(card, ToolCard) for reference, card in data["tools"].items()},
                flows={reference: cls.from_pinned(flow) for reference, flow in data["flows"].items()},
                constitutions=tuple(Constitution.from_pinned(item) for item in data["constitutions"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"the pinned flow is damaged: {type(error).__name__} {error}"
            raise InvalidInput([Problem("FLOW504", message, help="the journal was changed; start a new run")]) from None


def link(flow: Flow, tools: Tools) -> LinkedFlow:
    """See `Flow.link`."""
    linker = _Linker(tools)
    linked = linker.link(flow, flow.specifier or flow.name, ())
    if linker.problems:
        raise InvalidInput(dict.fromkeys(linker.problems))
    return linked


class _Cycle(LevError):
    """A flow that would lead back to itself."""


@dataclass
class _Linker:
    """One linking: every flow and constitution is read once."""

    tools: Tools
    problems: list[Problem] = field(default_factory=list)
    _flows: dict[str, LinkedFlow | None] = field(default_factory=dict)
    _constitutions: dict[str, tuple[Constitution, ...]] = field(default_factory=dict)

    def link(self, flow: Flow, specifier: str, chain: tuple[str, ...]) -> LinkedFlow:
        """`chain` holds the specifiers of the flows that led here."""
        one = _OneFlow(self, flow, (*chain, specifier))
        steps = list(walk(flow.tree.steps))
        asks = [step for step in steps if isinstance(step, Ask)]
        contexts = {ref: one.context(ref, None) for ref in flow.tree.context}
        contexts |= {ref: one.context(ref, step) for step in asks for ref in step.context if ref not in contexts}
        cards = {step.tool: one.card(step.tool, step) for step in steps if isinstance(step, Call)}
        cards |= {ref: one.card(ref, step) for step in asks for ref in step.tools if ref not in cards}
        flows = {step.flow: one.flow(step.flow, step) for step in steps if isinstance(step, SubFlow)}
        for step in steps:
            if isinstance(step, Call) and (card := cards[step.tool]):
                one.check_arguments(step, step.with_, card.input_schema)
            elif isinstance(step, SubFlow) and (inner := flows[step.flow]):
                one.check_arguments(step, step.with_, inner.tree.input_schema)
        linked = LinkedFlow(
            tree=flow.tree,
            specifier=specifier,
            package=flow.package.name if flow.package else None,
            contexts=_found(contexts),
            tools=_found(cards),
            flows=_found(flows),
            constitutions=self.constitutions(flow.package),
        )
        if linked.size > MAX_FLOWS:
            message = f"the flow `{specifier}` reaches {linked.size:,} flows; the limit is {MAX_FLOWS}"
            self.problems.append(Problem("FLOW503", message, Location(flow.path), "call fewer flows from flows"))
        return linked

    def constitutions(self, package: Package | None) -> tuple[Constitution, ...]:
        """The package's own constitution, else the baseline."""
        from ..constitutional import Constitution

        name = package.name if package else ""
        if name not in self._constitutions:
            self._constitutions[name] = ()
            try:
                path = package.constitution_path if package else None
                if package is None or path is None:
                    self._constitutions[name] = (Constitution.baseline(),)
                else:
                    specifier = f"{package.name}/{(package.manifest.constitution or '').removeprefix('./')}"
                    text = path.read_bytes()
                    self._constitutions[name] = (
                        Constitution.parse(text, package=package, path=str(path), specifier=specifier),
                    )
            except InvalidInput as error:
                self.problems.extend(error.problems)
            except (LevError, OSError) as error:
                self.problems.append(_problem("FLOW501", error, Location(str(path)) if package else Location()))
        return self._constitutions[name]

    def sub_flow(self, package: Package, subpath: str, chain: tuple[str, ...]) -> LinkedFlow | None:
        """The flow that a package exports, linked; None when it cannot be used, which has been reported."""
        from .flow import Flow

        specifier = package.specifier(subpath)
        if specifier not in self._flows:
            self._flows[specifier] = None
            kind = package.export(subpath).kind
            if kind != "flow":
                raise LevError(f"`{specifier}` is a {kind}, not a flow", help="flows are exported under `./flows/`")
            text, path = package.read(subpath)
            try:
                flow = Flow.parse(text, package=package, path=str(path), specifier=specifier)
            except InvalidInput as error:
                self.problems.extend(error.problems)
                return None
            self._flows[specifier] = self.link(flow, specifier, chain)
        return self._flows[specifier]


@dataclass
class _OneFlow:
    """The references of one flow; what cannot be resolved is reported at its place, and None."""

    linker: _Linker
    of: Flow
    chain: tuple[str, ...]

    def report(self, code: str, error: LevError, ref: str, step: Step | None) -> None:
        problems = error.problems if isinstance(error, InvalidInput) else [_problem(code, error, self.place(ref, step))]
        self.linker.problems.extend(problems)

    def place(self, ref: str, step: Step | None) -> Location:
        """Where a reference stands: in its step, or in the header's list."""
        from ..documents import Path, read_yaml

        document = read_yaml(self.of.tree.text, path=self.of.path)
        start: Path = tuple(int(p) if p.isdigit() else p for p in step.path.split("/")) if step else ()
        for key in ("call", "flow", "tools", "context"):
            path = (*start, key)
            if path not in document.positions:
                continue
            value = document.data
            for part in path:
                value = value[part]
            if value == ref:
                return document.at(path)
            if isinstance(value, list) and ref in value:
                return document.at((*path, value.index(ref)))
        return step.at if step else document.at(())

    def context(self, ref: str, step: Step | None) -> LinkedContext | None:
        from ..contexts import Context
        from ..packaging import find

        try:
            package, subpath = find(ref, within=self.of.package)
            text, path = package.read(subpath)
            context = Context.parse(text, path=str(path), package=package, specifier=package.specifier(subpath))
        except LevError as error:
            self.report("FLOW501", error, ref, step)
            return None
        return LinkedContext(context.specifier, context.text, context.digest, context.params)

    def card(self, ref: str, step: Step) -> ToolCard | None:
        from ..packaging import card_of, find

        given = self.linker.tools.get(ref)
        if given is None and ref.startswith("./") and self.of.package is not None:
            given = self.linker.tools.get(self.of.package.specifier(ref))
        if given is not None:
            return given if isinstance(given, ToolCard) else card_of(given, specifier=ref)
        if ref.startswith("./") and self.of.package is None:
            return ToolCard(specifier=ref, name=ref.rpartition("/")[2])
        try:
            package, subpath = find(ref, within=self.of.package)
            return package.card(subpath)
        except LevError as error:
            self.report("FLOW501", error, ref, step)
            return None

    def flow(self, ref: str, step: Step) -> LinkedFlow | None:
        from ..packaging import find

        try:
            package, subpath = find(ref, within=self.of.package)
            specifier = package.specifier(subpath)
            if cycle := self._cycle(specifier, package.name):
                raise LevError(
                    f"flows must not form a cycle: {' → '.join(cycle)}", help="repeat with `while` or `for_each`"
                )
            return self.linker.sub_flow(package, subpath, self.chain)
        except LevError as error:
            self.report("FLOW502" if isinstance(error, _Cycle) else "FLOW501", error, ref, step)
            return None

    def _cycle(self, specifier: str, package: str) -> Sequence[str] | None:
        """The way back to a flow, or to a package that has been left."""
        if specifier in self.chain:
            return (*self.chain[self.chain.index(specifier) :], specifier)
        packages = [name.partition("/")[0] for name in self.chain]
        if package != packages[-1] and package in packages:
            return (*self.chain[packages.index(package) :], specifier)
        return None

    def check_arguments(self, step: Call | SubFlow, given: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Report arguments that are missing or unknown, as far as the schema tells."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return
        from ..documents import nearest

        target = step.tool if isinstance(step, Call) else step.flow
        for name in schema.get("required", ()):
            if name not in given:
                problem = Problem("FLOW304", f"`{target}` needs `{name}`", step.at, "add it under `with`")
                self.linker.problems.append(problem)
        for name in given if schema.get("additionalProperties") is False else ():
            if name not in properties:
                help = nearest(name, list(properties)) or f"it takes {', '.join(properties) or 'nothing'}"
                self.linker.problems.append(Problem("FLOW304", f"`{target}` takes no `{name}`", step.at, help))


def _card(card: ToolCard) -> Any:
    """A card as JSON; its sets in order, so that its digest is always the same."""
    return msgspec.to_builtins(card, order="deterministic")


def _found(items: Mapping[str, _T | None]) -> dict[str, _T]:
    return {reference: item for reference, item in items.items() if item is not None}


def _problem(code: str, error: BaseException, at: Location) -> Problem:
    if isinstance(error, LevError):
        return Problem(code, error.message, at, error.help)
    return Problem(code, str(error), at)
