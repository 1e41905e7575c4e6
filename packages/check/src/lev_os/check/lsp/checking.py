"""Diagnostics for an editor: of one text at once, of everything a moment later."""

from __future__ import annotations

from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind import Flow

from ..diagnostics import Diagnostic
from ..engine import Check
from ..project import FlowSubject
from .workspace import Open, Workspace


def check_text(workspace: Workspace, opened: Open) -> list[Diagnostic]:
    """What the rules say that look at one file, or one flow, as it is written now."""
    check = Check(workspace.root)
    file = opened.file
    check._apply("file", file, file)
    if file.kind == "flow":
        try:
            flow = Flow.parse(file.text, package=opened.package, path=str(file.path))
        except InvalidInput as error:
            check._report(error.problems, {file.path: file})
        else:
            check._apply("flow", FlowSubject(file, flow), file)
    return sorted(set(check.diagnostics), key=lambda found: (found.line, found.column, found.code))
