"""MCP's hints for a tool, from its declared effects. What is not declared counts as the worst.

Source: ToolAnnotations of the Model Context Protocol, 2026-07-28.
"""

from __future__ import annotations

from dataclasses import dataclass

from lev_os.core.tools import TOOL_EFFECTS, ToolDeclaration

_WRITES = frozenset({"writes_local", "writes_external", "irreversible", "spends", "runs_code"})
_DESTROYS = frozenset({"irreversible", "spends", "runs_code"})
_OPEN = frozenset({"ingests_untrusted", "writes_external", "spends", "runs_code"})


@dataclass(frozen=True, slots=True)
class Hints:
    """The four hints, by MCP's names in Python's spelling."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


def hints(declaration: ToolDeclaration) -> Hints:
    """The hints of a tool's declaration; a read-only tool is always idempotent."""
    effects = TOOL_EFFECTS if declaration.effects is None else declaration.effects
    read_only = not effects & _WRITES
    return Hints(
        read_only=read_only,
        destructive=bool(effects & _DESTROYS),
        idempotent=read_only or declaration.idempotent,
        open_world=bool(effects & _OPEN),
    )
