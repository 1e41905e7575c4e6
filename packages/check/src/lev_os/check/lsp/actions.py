"""What can be done about a finding with one click."""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics import Diagnostic, Edit
from ..files import MARKDOWN_KINDS, File
from ..suppressions import MARK

_HASH_KINDS = frozenset({"flow", "constitution", "manifest"})


@dataclass(frozen=True, slots=True)
class Action:
    """A title, the edits, and whether it is what most people want."""

    title: str
    edits: tuple[Edit, ...]
    preferred: bool = False


def actions(file: File, found: Diagnostic) -> list[Action]:
    """The fix of a finding when it has one, and a comment that suppresses it where that is allowed."""
    offered = []
    if found.fix is not None:
        suffix = "" if found.fix.safe else " (look at it after)"
        offered.append(Action(f"{found.fix.title}{suffix}", found.fix.edits, preferred=found.fix.safe))
    suppression = None if found.hard or found.code.startswith("CHK") else _suppression(file, found)
    if suppression is not None:
        # The reason is left to be written: without one the comment has no effect, and a finding says so.
        offered.append(Action(f"Suppress {found.code} (and say why)", (suppression,)))
    return offered


def _suppression(file: File, found: Diagnostic) -> Edit | None:
    start = file.offset(found.line)
    if file.kind in _HASH_KINDS:
        line = file.text[start:]
        indent = line[: len(line) - len(line.lstrip(" "))]
        return Edit(start, start, f"{indent}# {MARK} {found.code}: \n")
    if file.kind not in MARKDOWN_KINDS:
        return None
    markdown = file.markdown
    comment = f"<!-- {MARK} {found.code}:  -->\n"
    head = markdown.head.span[1] if markdown.head else 0
    inside_code = any(code.form != "span" and code.span[0] <= start < code.span[1] for code in markdown.code)
    if start < head or inside_code:  # no comment can stand there: one before all text holds for the whole file
        after = file.text.find("\n", max(head - 1, 0)) + 1 if head else 0
        return Edit(after, after, comment)
    return Edit(start, start, comment)
