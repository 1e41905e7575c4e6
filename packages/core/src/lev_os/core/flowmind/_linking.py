"""Linking: from a flow's references to the contexts, tools, flows and constitutions that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..documents import Document, Path, nearest, read_yaml
from ..errors import InvalidInput, LevError, Location, Problem
from ..schemas import Schema
from ..tools import ToolCard
from .link import LinkedContext, LinkedFlow
from .model import Ask, Call, Step, SubFlow, Template, Value
from .walk import walk

if TYPE_CHECKING:
    from ..constitutional import Constitution
    from ..packaging import Package
    from .flow import Flow

MAX_FLOWS: Final = 500
"""Flows in a linked flow, counted as often as they are reached."""

MAX_DEPTH: Final = 100
"""Flows that call each other and are under way at once."""

_T = TypeVar("_T")
Tools = Mapping[str, Callable[..., Any] | ToolCard]


def link(flow: Flow, tools: Tools) -> LinkedFlow:
    """See `Flow.link`."""
    linked, problems = examine(flow, tools)
    if problems:
        raise InvalidInput(problems)
    return linked


def examine(flow: Flow, tools: Tools) -> tuple[LinkedFlow, tuple[Problem, ...]]:
    """See `Flow.examine_links`."""
    linker = _Linker(tools)
    linked = linker.link(flow, flow.specifier or flow.name, ())
    return linked, tuple(_in_order(linker.problems))


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each problem once, file by file, in the order of their lines."""
    files = list(dict.fromkeys(problem.at.path for problem in problems))
    return sorted(
        dict.fromkeys(problems),
        key=lambda problem: (files.index(problem.at.path), problem.at.line or 0, problem.at.column or 0),
    )


class _Cycle(LevError):
    """A flow that would lead back to itself, or to a package that has been left."""


@dataclass(frozen=True)
class _Use:
    """A reference and where it stands: in a step (None: the header), below these keys."""

    ref: str
    step: Step | None
    keys: Path


@dataclass
class _Linker:
    """One linking: every flow, context and constitution is read once, and keeps what was wrong with it."""

    tools: Tools
    problems: list[Problem] = field(default_factory=list)
    _flows: dict[str, LinkedFlow | LevError] = field(default_factory=dict)
    _contexts: dict[str, LinkedContext | LevError] = field(default_factory=dict)
    _constitutions: dict[str, tuple[Constitution, ...]] = field(default_factory=dict)
    _calls: dict[str, set[str]] = field(default_factory=dict)

    def link(self, flow: Flow, specifier: str, chain: tuple[str, ...]) -> LinkedFlow:
        """`chain` holds the specifiers of the flows that led here."""
        one = _OneFlow(self, flow, (*chain, specifier))
        steps = list(walk(flow.tree.steps))
        asks = [step for step in steps if isinstance(step, Ask)]
        calls = [step for step in steps if isinstance(step, Call)]
        subs = [step for step in steps if isinstance(step, SubFlow)]
        contexts = one.every(
            one.context,
            *(_Use(ref, None, ("context", index)) for index, ref in enumerate(flow.tree.context)),
            *(_Use(ref, step, ("context", index)) for step in asks for index, ref in enumerate(step.context)),
        )
        cards = one.every(
            one.card,
            *(_Use(step.tool, step, ("call",)) for step in calls),
            *(_Use(ref, step, ("tools", index)) for step in asks for index, ref in enumerate(step.tools)),
        )
        flows = one.every(one.flow, *(_Use(step.flow, step, ("flow",)) for step in subs))
        for call in calls:
            if card := cards.get(call.tool):
                one.check_arguments(call, call.tool, card.input_schema)
        for ask in asks:
            one.check_names(ask, cards)
        for sub in subs:
            if inner := flows.get(sub.flow):
                one.check_arguments(sub, sub.flow, inner.tree.input_schema)
        linked = LinkedFlow(
            tree=flow.tree,
            specifier=specifier,
            package=flow.package.name if flow.package else None,
            contexts=contexts,
            tools=cards,
            flows=flows,
            constitutions=self.constitutions(flow.package),
            guards=one.guards,
        )
        if linked.size > MAX_FLOWS:
            message = f"the flow `{specifier}` reaches {linked.size:,} flows; the limit is {MAX_FLOWS}"
            self.problems.append(Problem("FLW503", message, Location(flow.path), "call fewer flows from flows"))
        return linked

    def constitutions(self, package: Package | None) -> tuple[Constitution, ...]:
        """The package's own constitution, else the baseline."""
        name = package.name if package else ""
        if name not in self._constitutions:
            self._constitutions[name] = ()
            try:
                constitution, problems = _constitution(package)
            except InvalidInput as error:
                self.problems.extend(error.problems)
            except LevError as error:
                at = Location(str(package.root / "lev.toml") if package else None)
                self.problems.append(Problem("FLW501", error.message, at, error.help))
            else:
                self._constitutions[name] = () if constitution is None else (constitution,)
                self.problems.extend(problems)
        return self._constitutions[name]

    def sub_flow(self, package: Package, subpath: str, left: Package | None, chain: tuple[str, ...]) -> LinkedFlow:
        """The flow that a package exports, linked; `left` is its caller's. Raises `LevError` when it cannot be used."""
        specifier = package.specifier(subpath)
        if specifier in chain:
            way = (*chain[chain.index(specifier) :], specifier)
            raise _cycle("flows", way, "repeat with `while` or `for_each`")
        if left is not None and left.name != package.name:
            self._enter(package.name, left.name)
        _check_depth(specifier, len(chain) + 1)
        if specifier not in self._flows:
            try:
                self._flows[specifier] = self.link(_read_flow(package, subpath), specifier, chain)
            except LevError as error:
                self._flows[specifier] = error
        flow = _usable(self._flows[specifier])
        _check_depth(specifier, len(chain) + flow.depth)
        return flow

    def context(self, package: Package, subpath: str) -> LinkedContext:
        """The context that a package exports; raises `LevError` when it cannot be used."""
        from ..contexts import Context

        specifier = package.specifier(subpath)
        if specifier not in self._contexts:
            try:
                package.export(subpath)  # raises with the nearest names
                text, path = package.read(subpath)
                context = Context.parse(text, path=str(path), package=package, specifier=specifier)
                self._contexts[specifier] = LinkedContext(specifier, context.text, context.digest, context.params)
            except LevError as error:
                self._contexts[specifier] = error
        return _usable(self._contexts[specifier])

    def _enter(self, package: str, left: str) -> None:
        """Note that a flow of the package `left` calls one of `package`; raises `_Cycle` when that leads back.

        All calls seen so far count, not only those that led here: what is refused must not depend on their order.
        """
        ways: list[tuple[str, ...]] = [(left, package)]
        seen = {package}
        while ways:
            way = ways.pop()
            if way[-1] == left:
                raise _cycle("packages", way, "move what both need into a third package")
            ways += [(*way, name) for name in self._calls.get(way[-1], ()) if name not in seen]
            seen |= self._calls.get(way[-1], set())
        self._calls.setdefault(left, set()).add(package)


@dataclass
class _OneFlow:
    """The references of one flow; what cannot be resolved is reported at its place."""

    linker: _Linker
    of: Flow
    chain: tuple[str, ...]
    guards: dict[str, tuple[Constitution, ...]] = field(default_factory=dict)

    def every(self, resolve: Callable[[str], _T], *uses: _Use) -> dict[str, _T]:
        """What each reference names; what cannot be resolved is left out, and reported wherever it stands."""
        found: dict[str, _T] = {}
        failed: dict[str, LevError] = {}
        for use in uses:
            if use.ref not in found and use.ref not in failed:
                try:
                    found[use.ref] = resolve(use.ref)
                except LevError as error:
                    failed[use.ref] = error
            if use.ref in failed:
                self.report(failed[use.ref], use)
        return found

    def report(self, error: LevError, use: _Use) -> None:
        if isinstance(error, InvalidInput):
            self.linker.problems.extend(error.problems)
            return
        code = "FLW502" if isinstance(error, _Cycle) else "FLW501"
        place = self.document.at((*self.path(use.step), *use.keys))
        self.linker.problems.append(Problem(code, error.message, place, error.help))

    @cached_property
    def document(self) -> Document:
        """The flow's text with places; read again because trees keep none of references."""
        return read_yaml(self.of.tree.text, path=self.of.path)

    def path(self, step: Step | None) -> Path:
        """A step's path in the document; its labels may hold digits and slashes."""
        data = self.document.data
        path: list[str | int] = []
        for part in step.path.split("/") if step else ():
            key = int(part) if isinstance(data, list) else part.replace("~1", "/").replace("~0", "~")
            data = data[key]
            path.append(key)
        return tuple(path)

    def context(self, ref: str) -> LinkedContext:
        from ..packaging import find

        return self.linker.context(*find(ref, within=self.of.package))

    def card(self, ref: str) -> ToolCard:
        from ..packaging import card_of, find

        given = self.linker.tools.get(ref)
        if given is None and ref.startswith("./") and self.of.package is not None:
            given = self.linker.tools.get(self.of.package.specifier(ref))
        if given is not None:
            return given if isinstance(given, ToolCard) else card_of(given, specifier=ref)
        if ref.startswith("./") and self.of.package is None:
            return ToolCard(specifier=ref, name=ref.rpartition("/")[2])
        package, subpath = find(ref, within=self.of.package)
        card = package.card(subpath)
        if self.of.package is None or package.name != self.of.package.name:
            self.guards[card.specifier] = self.linker.constitutions(package)
        return card

    def flow(self, ref: str) -> LinkedFlow:
        from ..packaging import find

        package, subpath = find(ref, within=self.of.package)
        return self.linker.sub_flow(package, subpath, self.of.package, self.chain)

    def check_names(self, step: Ask, cards: Mapping[str, ToolCard]) -> None:
        """A model calls tools by their names, so two of one name cannot be told apart."""
        seen: dict[str, str] = {}
        for ref in step.tools:
            if (card := cards.get(ref)) is None or seen.setdefault(card.name, card.specifier) == card.specifier:
                continue
            message = f"a model cannot tell `{seen[card.name]}` from `{card.specifier}`: both are called `{card.name}`"
            self.linker.problems.append(
                Problem("FLW305", message, step.at, "offer one of them, or rename the function")
            )

    def check_arguments(self, step: Call | SubFlow, target: str, schema: Mapping[str, Any]) -> None:
        """Report arguments that are missing, unknown, or written out and of the wrong kind, as far as is declared."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return
        for name in schema.get("required", ()):
            if name not in step.with_:
                self._misfit(step, (), f"`{target}` needs `{name}`", "add it under `with`")
        for name, value in step.with_.items():
            if name in properties:
                self._check_literal(step, target, name, value, schema)
            elif schema.get("additionalProperties") is False:
                help = nearest(name, list(properties)) or f"it takes {', '.join(properties) or 'nothing'}"
                self._misfit(step, (name,), f"`{target}` takes no `{name}`", help)

    def _check_literal(
        self, step: Call | SubFlow, target: str, name: str, value: Value, schema: Mapping[str, Any]
    ) -> None:
        if not _is_literal(value):
            return
        only = {**schema, "required": [], "properties": {name: schema["properties"][name]}}
        for problem in Schema.of(only).problems({name: value}):
            self._misfit(step, (name,), f"`{target}` does not take this: {problem}", None)

    def _misfit(self, step: Call | SubFlow, keys: Path, message: str, help: str | None) -> None:
        place = self.document.at((*self.path(step), "with", *keys), key=True) if keys else step.at
        self.linker.problems.append(Problem("FLW304", message, place, help))


def _constitution(package: Package | None) -> tuple[Constitution | None, list[Problem]]:
    """A package's constitution as far as it can be read, and why it must not be used."""
    from ..constitutional import Constitution
    from ..constitutional.parse import examine, has_errors

    path = package.constitution_path if package else None
    if package is None or path is None:
        return Constitution.baseline(), []
    specifier = f"{package.name}/{(package.manifest.constitution or '').removeprefix('./')}"
    try:
        text = path.read_bytes()
    except OSError as error:
        message = f"the constitution `{package.manifest.constitution}` cannot be read: {error.strerror}"
        raise LevError(message, help="correct `constitution`, or write that file") from None
    constitution, problems = examine(text, package=package, path=str(path), specifier=specifier)
    return constitution, problems if has_errors(problems) else []


def _read_flow(package: Package, subpath: str) -> Flow:
    from .flow import Flow

    specifier = package.specifier(subpath)
    kind = package.export(subpath).kind
    if kind != "flow":
        raise LevError(f"`{specifier}` is a {kind}, not a flow", help="flows are exported under `./flows/`")
    text, path = package.read(subpath)
    return Flow.parse(text, package=package, path=str(path), specifier=specifier)


def _cycle(what: str, way: tuple[str, ...], help: str) -> _Cycle:
    return _Cycle(f"{what} must not form a cycle: {' → '.join(way)}", help=help)


def _check_depth(specifier: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        message = f"`{specifier}` would be flow number {depth} under way at once; the limit is {MAX_DEPTH}"
        raise LevError(message, help="let fewer flows call each other")


def _usable(found: _T | LevError) -> _T:
    if isinstance(found, LevError):
        raise found
    return found


def _is_literal(value: Value) -> bool:
    """Whether a value is written out, without a `Template` in it."""
    if isinstance(value, Mapping):
        return all(map(_is_literal, value.values()))
    return all(map(_is_literal, value)) if isinstance(value, list) else not isinstance(value, Template)
