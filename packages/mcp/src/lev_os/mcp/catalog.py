"""What the chosen packages offer a host: texts to read, tools to call and flows to drive."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lev_os.core.errors import LevError
from lev_os.core.packaging import Export, Package, load_package
from lev_os.core.tools import ToolCard

FLOW_TOOLS = ("flow_start", "flow_submit", "flow_status", "flow_cancel")
MOST_TOOLS = 8
"""Tools a host sees unless it asks for more: each costs every request of its model."""
_READABLE = frozenset({"context", "personality", "skill", "flow", "constitution"})


class UnknownTool(LevError):
    """A tool that was asked for by name and that no chosen package exports."""


@dataclass(frozen=True, slots=True)
class Offered:
    """One exported tool: its name over MCP, its package and its card."""

    name: str
    package: Package
    export: Export
    card: ToolCard


def uri(export: Export) -> str:
    """`lev://acme_support/contexts/executive`."""
    return "lev://" + export.specifier


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean …?)` or nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


@dataclass(frozen=True)
class Catalog:
    """The chosen packages. `only` names the tools to export; `every` lifts the bound of eight."""

    packages: tuple[Package, ...]
    only: tuple[str, ...] | None = None
    every: bool = False

    @classmethod
    def load(cls, packages: Sequence[str], *, only: tuple[str, ...] | None = None, every: bool = False) -> Catalog:
        """Load packages by name or path; raises `LevError` for one that cannot be used."""
        return cls(tuple(map(load_package, packages)), only, every)

    @cached_property
    def _exports(self) -> tuple[tuple[Package, Export], ...]:
        return tuple((package, export) for package in self.packages for export in package.exports())

    @cached_property
    def texts(self) -> dict[str, tuple[Package, Export]]:
        """Everything a model may read, by URI."""
        return {uri(export): (package, export) for package, export in self._exports if export.kind in _READABLE}

    @property
    def skills(self) -> tuple[tuple[Package, Export], ...]:
        """Every skill."""
        return tuple((package, export) for package, export in self._exports if export.kind == "skill")

    @property
    def personalities(self) -> tuple[tuple[Package, Export], ...]:
        """Every personality that a model may read."""
        return tuple((package, export) for package, export in self._exports if export.kind == "personality")

    @cached_property
    def flows(self) -> dict[str, tuple[Package, Export]]:
        """Every flow, by specifier."""
        return {export.specifier: (package, export) for package, export in self._exports if export.kind == "flow"}

    @cached_property
    def all_tools(self) -> tuple[Offered, ...]:
        """Every exported tool. Two tools of one name are told apart by their packages' and servers' names."""
        found = [(package, export) for package, export in self._exports if export.kind == "tool"]
        taken = Counter([export.subpath.rsplit("/", 1)[-1] for _, export in found])
        offered = []
        for package, export in found:
            name = export.subpath.rsplit("/", 1)[-1]
            if taken[name] > 1 or name in FLOW_TOOLS:
                name = ".".join((package.name, *export.subpath.removeprefix("./tools/").split("/")))
            offered.append(Offered(name, package, export, package.card(export.subpath)))
        return tuple(offered)

    @cached_property
    def tools(self) -> tuple[Offered, ...]:
        """The tools that are exported now; raises `UnknownTool`."""
        if self.only is not None:
            return tuple(map(self._named, self.only))
        if self.every:
            return self.all_tools
        return self.all_tools[: MOST_TOOLS - (len(FLOW_TOOLS) if self.flows else 0)]

    def _named(self, name: str) -> Offered:
        for offered in self.all_tools:
            if name.strip() in (offered.name, offered.export.specifier):
                return offered
        names = [offered.name for offered in self.all_tools]
        raise UnknownTool(f"no chosen package exports a tool {name!r}{nearest(name, names)}", help=", ".join(names))

    def tool(self, name: str) -> Offered | None:
        """An exported tool by its name over MCP."""
        return next((offered for offered in self.tools if offered.name == name), None)
