"""What can be done about a finding with one click."""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics import Diagnostic, Edit


@dataclass(frozen=True, slots=True)
class Action:
    """A title, the edits, and whether it is what most people want."""

    title: str
    edits: tuple[Edit, ...]
    preferred: bool = False


def actions(found: Diagnostic) -> list[Action]:
    """The fix of a finding, when it has one."""
    if found.fix is None:
        return []
    suffix = "" if found.fix.safe else " (look at it after)"
    return [Action(f"{found.fix.title}{suffix}", found.fix.edits, preferred=found.fix.safe)]
