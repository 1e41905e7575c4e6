"""Suppressions: a comment that says which finding is meant to be there, why, and until when.

    <!-- lev-ignore CTX301: the example is of version 1 (until 2027-01-01) -->
    # lev-ignore FLW401: the queue is drained elsewhere
    name: Pdf # lev-ignore CTX401: in a head too

It holds for the line it stands on; alone on its line, for the next one that is not blank; and before anything else in a
file (its frontmatter aside), for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from .diagnostics import Diagnostic
from .patterns import Pattern

if TYPE_CHECKING:
    from .files import File

MARK = "lev-ignore"
UNUSED, NO_REASON, EXPIRED, MALFORMED, HARD = "CHK902", "CHK903", "CHK904", "CHK905", "CHK906"
_MARKDOWN = Pattern(r"<!--[ \t]*lev-ignore\b")
_HASH = Pattern(r"(?:^|(?<=\s))#[ \t]*lev-ignore\b([^\n]*)")
_CODES = Pattern(r"[\s:]*([A-Z]{3}\d{0,3}(?:[,\s]+[A-Z]{3}\d{0,3})*)[ \t]*(?::(.*))?\Z", re.DOTALL)
_BLANK = Pattern(r"\s*")
_UNTIL = Pattern(r"\(until\s+(\d[^)]*)\)", re.IGNORECASE)
_HASH_KINDS = frozenset({"flow", "constitution", "declared-agent", "manifest", "document"})


class Suppression(msgspec.Struct, array_like=True, frozen=True):
    """One comment. `line` is the one it holds for, 0 for the whole file; `at` is its own place and end."""

    codes: tuple[str, ...]
    reason: str
    until: str | None
    line: int
    at: tuple[int, int, int, int]


def suppressions_of(file: File) -> tuple[Suppression, ...]:
    """The suppressions in a file, those in code of a Markdown file left aside."""
    text = file.text
    if file.kind in _HASH_KINDS:
        found = [(match.start(), match.end(), match[1]) for match in _HASH.finditer(text)]
    elif file.where.endswith(".json"):
        return ()
    else:
        found = [match for match in _comments(text) if file.markdown.in_html(match[0])]
        if head := file.markdown.head:
            in_head = _HASH.finditer(text, *head.span)
            found = [*((match.start(), match.end(), match[1]) for match in in_head), *found]
    first = _first(file)
    made: list[Suppression] = []
    leading, before = True, 0
    for start, end, said in found:
        (line, column), (end_line, end_column) = file.place(start), file.place(end)
        if start >= first:
            leading = leading and not text[first:start].strip()
        whole = leading and start >= first
        blank = not whole and line != before and not text[start - column + 1 : start].strip()
        target = 0 if whole else _next_line(text, end, end_line, line) if blank else line
        first, before = max(first, end), end_line
        codes, reason, until = _read(said)
        made.append(Suppression(codes, reason, until, target, (line, column, end_line, end_column)))
    return tuple(made)


def _comments(text: str) -> Iterator[tuple[int, int, str]]:
    """The start and end of each comment that is a suppression, and what it says."""
    found = _MARKDOWN.search(text)
    while found is not None:
        end = text.find("-->", found.end())
        if end < 0:
            return
        yield found.start(), end + 3, text[found.end() : end]
        found = _MARKDOWN.search(text, end + 3)


def _first(file: File) -> int:
    """Where a file's text begins, after its frontmatter."""
    if file.kind in _HASH_KINDS:
        return 0
    head = file.markdown.head
    return head.span[1] if head else 0


def _next_line(text: str, end: int, end_line: int, line: int) -> int:
    """The next line that is not blank after a comment's `end`; its own `line` when there is text behind it."""
    blank = _BLANK.match(text, end)
    stop = blank.end() if blank else end
    lines = text.count("\n", end, stop)
    return end_line + lines if lines or stop == len(text) else line


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
    ran: Callable[[str, tuple[str, ...]], bool],
    today: str | None = None,
) -> tuple[list[Diagnostic], int]:
    """What is left of the findings, with those about the suppressions themselves, and how many were suppressed.

    `ran` says whether all rules that some codes name did see all of a file: a suppression of others is not called
    unused.
    """
    if not any(by_file.values()):
        return diagnostics, 0
    today = today or date.today().isoformat()
    left: list[Diagnostic] = []
    used: set[_About] = set()
    count = 0
    groups = _groups(by_file)
    valid = {about: [item for item in items if _valid(item, today)] for about, items in groups.items()}
    for diagnostic in diagnostics:
        fits = [about for about in _abouts(diagnostic) if about in groups]
        used.update(fits)
        if any(valid[about] for about in fits):
            if not diagnostic.hard:
                count += 1
                continue
            left += dict.fromkeys(_hard(item, diagnostic) for about in fits for item in valid[about])
        left.append(diagnostic)
    for name, items in by_file.items():
        for item in items:
            served = any((name, item.line, code) in used for code in item.codes)
            left += _about(item, name, served or not ran(name, item.codes), today)
    return left, count


_About = tuple[str, int, str]
"""A file, a line of it (0: all), and a code or its beginning."""


def _groups(by_file: Mapping[str, tuple[Suppression, ...]]) -> dict[_About, list[Suppression]]:
    """The suppressions by what they are about, so that no finding is compared with all of them."""
    found: dict[_About, list[Suppression]] = {}
    for name, items in by_file.items():
        for item in items:
            for code in dict.fromkeys(item.codes):
                found.setdefault((name, item.line, code), []).append(item)
    return found


def _abouts(diagnostic: Diagnostic) -> Iterator[_About]:
    code = diagnostic.code
    for line in (0, diagnostic.line):
        for end in range(1, len(code) + 1):
            yield diagnostic.file, line, code[:end]


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
