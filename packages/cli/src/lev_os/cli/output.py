"""Where output goes: data to stdout, everything for people's eyes along the way to stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from .errors import Report

_MOVES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def print_json(value: Any) -> None:
    """One JSON document on stdout: indented for a terminal, one line for a pipe."""
    import msgspec

    data = msgspec.json.encode(value)
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    sys.stdout.write(data.decode() + "\n")


def visible(text: str) -> str:
    """Text of others for a terminal: what would move the cursor, colour, or turn the line around is spelled out."""
    return _MOVES.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_line(text: str = "") -> None:
    """One line on stdout; colours go when stdout is no terminal."""
    click.echo(text, color=_colour())


def note(text: str) -> None:
    """One line on stderr."""
    click.echo(text, err=True, color=_colour())


def _colour() -> bool | None:
    """False where nobody wants colours (https://no-color.org), None where a terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def print_report(report: Report, *, as_json: bool) -> None:
    """An error, for people on stderr and, where JSON was asked for, as the whole of stdout too."""
    if as_json:
        print_json(report.as_json())
        sys.stdout.flush()
    if len(report.problems) != 1:
        note(f"{click.style('error', fg='red', bold=True)}: {report.message}")
    for problem in report.problems:
        note(f"{click.style(str(problem.at), bold=True)} {problem.code} {problem.message}")
        if problem.help:
            note(f"    help: {problem.help}")
    if report.help:
        note(f"    help: {report.help}")


def columns(rows: Iterable[Sequence[str]], *, head: Sequence[str] | None = None) -> list[str]:
    """Rows as aligned lines; the last column is cut where the terminal ends, and never in a pipe."""
    table = [tuple(row) for row in rows]
    if head is not None:
        table.insert(0, tuple(head))
    if not table:
        return []
    import shutil

    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]) - 1)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = []
    for row in table:
        line = "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        lines.append(line if room is None or len(line) <= room else line[: room - 1] + "…")
    if head is not None:
        lines[0] = click.style(lines[0], bold=True)
    return lines
