"""Suppressions: a comment that says which finding is meant to be there, why, and until when.

    <!-- lev-ignore CTX301: the example is of version 1 (until 2027-01-01) -->
    # lev-ignore FLW401: the queue is drained elsewhere

It holds for the line it stands on; alone on its line, for the next one that is not blank; and before anything else in a
file (its frontmatter aside), for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from .diagnostics import Diagnostic

if TYPE_CHECKING:
    from .files import File

MARK = "lev-ignore"
UNUSED, NO_REASON, EXPIRED, MALFORMED, HARD = "CHK902", "CHK903", "CHK904", "CHK905", "CHK906"
_MARKDOWN = re.compile(r"<!--[ \t]*lev-ignore\b(.*?)-->", re.DOTALL)
_HASH = re.compile(r"(?:^|(?<=\s))#[ \t]*lev-ignore\b([^\n]*)")
_CODES = re.compile(r"[\s:]*([A-Z]{3}\d{0,3}(?:[,\s]+[A-Z]{3}\d{0,3})*)[ \t]*(?::(.*))?\Z", re.DOTALL)
_UNTIL = re.compile(r"\(until\s+(\d[^)]*)\)", re.IGNORECASE)
_HASH_KINDS = frozenset({"flow", "constitution", "manifest", "document"})


class Suppression(msgspec.Struct, array_like=True, frozen=True):
    """One comment. `line` is the one it holds for, 0 for the whole file; `at` is its own place and end."""

    codes: tuple[str, ...]
    reason: str
    until: str | None
    line: int
    at: tuple[int, int, int, int]

    def covers(self, diagnostic: Diagnostic) -> bool:
        """Whether it is about this finding."""
        return self.line in (0, diagnostic.line) and diagnostic.code.startswith(self.codes)


def suppressions_of(file: File) -> tuple[Suppression, ...]:
    """The suppressions in a file, those in code of a Markdown file left aside."""
    text = file.text
    if MARK not in text:
        return ()
    if file.kind in _HASH_KINDS:
        found = [(match.start(), match.end(), match[1]) for match in _HASH.finditer(text)]
    elif file.path.suffix == ".json":
        return ()
    else:
        html = file.markdown.html
        found = [
            (match.start(), match.end(), match[1])
            for match in _MARKDOWN.finditer(text)
            if any(start <= match.start() < end for start, end in html)
        ]
    first = _first(file)
    made: list[Suppression] = []
    for start, end, said in found:
        (line, column), (end_line, end_column) = file.place(start), file.place(end)
        whole = not text[first:start].strip()
        target = 0 if whole else _line_meant(text, start, end, line, end_line)
        if whole:
            first = end
        codes, reason, until = _read(said)
        made.append(Suppression(codes, reason, until, target, (line, column, end_line, end_column)))
    return tuple(made)


def _first(file: File) -> int:
    """Where a file's text begins, after its frontmatter."""
    if file.kind in _HASH_KINDS:
        return 0
    head = file.markdown.head
    return head.span[1] if head else 0


def _line_meant(text: str, start: int, end: int, line: int, end_line: int) -> int:
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    if text[begin:start].strip() or text[end : stop if stop >= 0 else len(text)].strip():
        return line
    rest = text[end:]
    return end_line + rest[: len(rest) - len(rest.lstrip())].count("\n")


def _read(said: str) -> tuple[tuple[str, ...], str, str | None]:
    match = _CODES.match(said.strip())
    if match is None:
        return (), said.strip(), None
    reason = (match[2] or "").strip()
    until = _UNTIL.search(reason)
    return tuple(re.split(r"[,\s]+", match[1])), _UNTIL.sub("", reason).strip(), until[1] if until else None


def suppress(
    diagnostics: list[Diagnostic],
    by_file: Mapping[str, tuple[Suppression, ...]],
    *,
    ran: Callable[[tuple[str, ...]], bool],
    today: str | None = None,
) -> tuple[list[Diagnostic], int]:
    """What is left of the findings, with those about the suppressions themselves, and how many were suppressed.

    `ran` says whether all rules that some codes name did run: a suppression of others is not called unused.
    """
    if not any(by_file.values()):
        return diagnostics, 0
    today = today or date.today().isoformat()
    left: list[Diagnostic] = []
    used: set[tuple[str, Suppression]] = set()
    count = 0
    for diagnostic in diagnostics:
        fits = [item for item in by_file.get(diagnostic.file, ()) if item.codes and item.covers(diagnostic)]
        used.update((diagnostic.file, item) for item in fits)
        if any(_valid(item, today) for item in fits):
            if not diagnostic.hard:
                count += 1
                continue
            left += [_hard(item, diagnostic) for item in fits if _valid(item, today)]
        left.append(diagnostic)
    for name, items in by_file.items():
        for item in items:
            left += _about(item, name, (name, item) in used or not ran(item.codes), today)
    return left, count


def _valid(item: Suppression, today: str) -> bool:
    return bool(item.reason) and (item.until is None or (_is_date(item.until) and today <= item.until))


def _about(item: Suppression, name: str, used: bool, today: str) -> list[Diagnostic]:
    codes = ", ".join(item.codes)
    if not item.codes:
        help = "write `lev-ignore CTX301: why` with one or more codes"
        return [Diagnostic(MALFORMED, "warning", name, *item.at, "this suppression names no code", help)]
    if item.until is not None and not _is_date(item.until):
        message = f"`{item.until}` is no date, so this suppression has no effect"
        return [Diagnostic(MALFORMED, "warning", name, *item.at, message, "write `(until YYYY-MM-DD)`")]
    if not item.reason:
        message = f"this suppression of {codes} gives no reason, so it has no effect"
        return [Diagnostic(NO_REASON, "warning", name, *item.at, message, f"write `lev-ignore {codes}: why`")]
    if item.until is not None and today > item.until:
        message = f"this suppression of {codes} ended on {item.until}"
        return [Diagnostic(EXPIRED, "warning", name, *item.at, message, "mend what it is about, or set a later day")]
    if not used:
        message = f"nothing is found here that this suppression of {codes} is about"
        return [Diagnostic(UNUSED, "warning", name, *item.at, message, "remove it")]
    return []


def _hard(item: Suppression, diagnostic: Diagnostic) -> Diagnostic:
    message = f"{diagnostic.code} comes from a hard principle, which cannot be suppressed"
    return Diagnostic(HARD, "error", diagnostic.file, *item.at, message, "mend what it is about")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
