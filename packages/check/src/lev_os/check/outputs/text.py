"""A report for people: a line for each finding and, unless that is left out, its place in the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from ..diagnostics import Diagnostic, Report, Severity
from ..sources import Sources

Style = Callable[..., str]
"""`style(text, fg="red", bold=True)`."""

_COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "info": "cyan"}
_WIDTH = 100


def plain(text: str, **_: object) -> str:
    """No style."""
    return text


def lines(report: Report, sources: Sources | None = None, style: Style = plain, width: int = _WIDTH) -> Iterator[str]:
    """One finding after the other; with `sources`, each with its line and a mark under its place."""
    for item in report.diagnostics:
        place = style(f"{visible(item.file)}:{item.line}:{item.column}", bold=True)
        code = style(item.code, fg=_COLOURS[item.severity], bold=True)
        severity = "" if item.severity == "error" else f"{item.severity}: "
        yield f"{place} {code} {severity}{visible(item.message)}"
        if sources is not None:
            yield from _excerpt(item, sources[item.file].line(item.line), style, width)
        if item.help:
            yield f"    {style('help', fg='green')}: {visible(item.help)}"
        if sources is not None and item.fix is not None:
            flag = "--fix" if item.fix.safe else "--fix --unsafe-fixes"
            yield f"    {style('fix', fg='green')}: {visible(item.fix.title)} ({flag})"


def summary(report: Report, *, seconds: float | None = None, gone: int = 0) -> str:
    """What was looked at and found, in one line."""
    counts = [(report.count(severity), severity) for severity in _COLOURS]
    said = [_some(count, severity if severity == "info" else None, severity) for count, severity in counts if count]
    took = "" if seconds is None else f" in {seconds:.1f} s"
    parts = [f"checked {_some(report.checked, None, 'file')}{took}: {', '.join(said) or 'nothing to mend'}"]
    fixes = sum(item.fix is not None and item.fix.safe for item in report.diagnostics)
    if fixes:
        parts.append(f"{fixes} with a fix (--fix)")
    if report.suppressed:
        parts.append(f"{report.suppressed} suppressed")
    if gone:
        parts.append(f"{gone} of the baseline are gone (--write-baseline)")
    if report.not_checked:
        parts.append(f"{_some(len(report.not_checked), None, 'path')} not checked")
    return "; ".join(parts)


def visible(text: str) -> str:
    """The text with every character that cannot be seen, or that would steer a terminal, as its number."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if character in "\t\n\r" else f"<U+{ord(character):04X}>"
        for character in text
    )


def _some(count: int, plural: str | None, singular: str) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def _excerpt(item: Diagnostic, line: str, style: Style, width: int) -> Iterator[str]:
    if not line.strip():
        return
    start = min(item.column - 1, len(line))
    end = min(item.end_column - 1, len(line)) if item.end_line == item.line else len(line)
    room = max(width - len(str(item.line)) - 6, 40)
    cut = max(0, start - room // 2) if len(line) > room else 0
    shown = visible(line[cut : cut + room])
    before = ("…" if cut else "") + visible(line[cut:start])
    marked = visible(line[start : min(max(end, start + 1), cut + room)])
    number = style(f"{item.line} |", fg="blue", bold=True)
    empty = style(" " * len(str(item.line)) + " |", fg="blue", bold=True)
    carets = "^" * max(_columns(marked), 1)
    yield f"  {number} {'…' if cut else ''}{shown}{'…' if cut + room < len(line) else ''}"
    yield f"  {empty} {' ' * _columns(before)}{style(carets, fg=_COLOURS[item.severity], bold=True)}"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_wide(character) for character in text)


def _wide(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
