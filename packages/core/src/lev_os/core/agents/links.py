"""From an agent's references to the contexts, tools, flows, personalities and constitutions that they name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..documents import Path
from ..errors import InvalidInput, LevError, Location, Problem
from ..tools import ToolCard
from .declaration import AgentDeclaration, is_reference

if TYPE_CHECKING:
    from ..constitutional import Constitution
    from ..contexts import Context
    from ..flowmind import Flow
    from ..packaging import Export

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AgentLinks:
    """What an agent is made of. `instructions` are contexts and texts in order; tools are known by their cards.

    `constitutions` all hold: the package's own (the baseline without one) and the one that the agent names.
    """

    instructions: tuple[Context | str, ...]
    tools: tuple[ToolCard, ...]
    flows: tuple[Flow, ...]
    personalities: tuple[Context, ...]
    constitutions: tuple[Constitution, ...]


def tool_name(flow: str) -> str:
    """What a model calls a flow that is a tool to it."""
    return flow.replace("-", "_")


def link(declared: AgentDeclaration) -> AgentLinks:
    """See `AgentDeclaration.link`."""
    links, problems = examine_links(declared)
    if problems:
        raise InvalidInput(problems)
    return links


def examine_links(declared: AgentDeclaration) -> tuple[AgentLinks, list[Problem]]:
    """What could be linked, and every reference that names nothing, or something of another kind."""
    linker = _Linker(declared)
    instructions: list[Context | str] = []
    whole = len(declared.instructions) == 1 and _is_text(declared)
    for number, item in enumerate(declared.instructions):
        if not is_reference(item):
            instructions.append(item)
            continue
        place = ("instructions",) if whole else ("instructions", number)
        instructions += linker.one("AGT201", "context", item, place, linker.context)
    links = AgentLinks(
        instructions=tuple(instructions),
        tools=tuple(linker.every("AGT202", "tool", "tools", declared.tools, linker.tool)),
        flows=tuple(linker.every("AGT203", "flow", "flows", declared.flows, linker.flow)),
        personalities=tuple(
            linker.every("AGT204", "personality", "personalities", declared.personalities, linker.personality)
        ),
        constitutions=tuple(linker.constitutions()),
    )
    return links, linker.problems


def _is_text(declared: AgentDeclaration) -> bool:
    document = declared.document
    return document is not None and isinstance(document.data.get("instructions"), str)


class _Linker:
    def __init__(self, declared: AgentDeclaration) -> None:
        self._declared = declared
        self._names: dict[str, str] = {}
        """By what a model calls tools and flows: which they are."""
        self.problems: list[Problem] = []

    def every(
        self, code: str, kind: str, key: str, references: tuple[str, ...], load: Callable[[Export], T]
    ) -> list[T]:
        found: list[T] = []
        for number, reference in enumerate(references):
            found += self.one(code, kind, reference, (key, number), load)
        return found

    def one(self, code: str, kind: str, reference: str, path: Path, load: Callable[[Export], T]) -> list[T]:
        """What one reference names; nothing, and a problem, when it names something else or what it names is bad."""
        from ..packaging import find

        try:
            package, subpath = find(reference, within=self._declared.package)
            return [load(package.export(subpath))]
        except InvalidInput as error:
            self._report(code, f"the {kind} {reference} cannot be used: {error.problems[0].message}", path)
        except LevError as error:
            self._report(code, f"{reference}: {error.message}", path, error.help)
        return []

    def constitutions(self) -> list[Constitution]:
        from ..constitutional import Constitution

        package, named = self._declared.package, self._declared.constitution
        found: list[Constitution] = []
        if package is not None and package.constitution_path is not None:
            path = package.constitution_path
            try:
                found.append(
                    Constitution.parse(path.read_bytes(), path=str(path), package=package, specifier=package.name)
                )
            except (LevError, OSError) as error:
                at = Location(str(path))
                self.problems.append(Problem("AGT205", f"the package's constitution cannot be used: {error}", at))
        if named is not None:
            found += self.one("AGT205", "constitution", named, ("constitution",), self.constitution)
        return found or [Constitution.baseline()]

    @staticmethod
    def context(export: Export) -> Context:
        found: Context = _of_kind(export, "context", "skill", "personality")
        return found

    def flow(self, export: Export) -> Flow:
        found: Flow = _of_kind(export, "flow")
        self._named(tool_name(found.name), export)
        return found

    @staticmethod
    def personality(export: Export) -> Context:
        found: Context = _of_kind(export, "personality")
        return found

    @staticmethod
    def constitution(export: Export) -> Constitution:
        found: Constitution = _of_kind(export, "constitution")
        return found

    def tool(self, export: Export) -> ToolCard:
        if export.kind != "tool":
            raise LevError(f"it is a {export.kind}, not a tool", help="a tool is a function under ./tools/")
        card = export.package.card(export.subpath)
        self._named(card.name, export)
        return card

    def _named(self, name: str, export: Export) -> None:
        other = self._names.setdefault(name, export.specifier)
        if other != export.specifier:
            raise LevError(
                f"the model would call it `{name}`, as it calls {other}",
                help="leave one of them out, or export it under another name",
            )

    def _report(self, code: str, message: str, path: Path, help: str | None = None) -> None:
        document = self._declared.document
        at = Location() if document is None else document.at(path)
        self.problems.append(Problem(code, message, at, help))


def _of_kind(export: Export, *kinds: str) -> Any:
    from ..packaging.for_llm import parsed

    if export.kind not in kinds:
        raise LevError(f"it is a {export.kind}, not a {kinds[0]}", help="`lev list` shows what a package exports")
    return parsed(export, "llm-first" if "llm-first" in export.conditions else "llm")
