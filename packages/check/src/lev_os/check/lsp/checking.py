"""Diagnostics for an editor: of one text at once, of everything a moment later."""

from __future__ import annotations

from ..diagnostics import Diagnostic
from .workspace import Open, Workspace


def check_text(workspace: Workspace, opened: Open) -> list[Diagnostic]:
    """What the rules say of one file as it is written now."""
    return list(workspace.checker.check_text(opened.file.path, opened.file.text))
