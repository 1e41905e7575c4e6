"""Mending what has a fix: worked out in memory until nothing more changes, then written, each file in one step."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lev_os.core.writing import replace

from .diagnostics import Edit, Fix, Report
from .engine import Checker
from .reading import Unreadable, decode, read_bytes

_ROUNDS = 10
_CANNOT_BE_READ = ("YML", "CTX410", "FLW1", "CON1", "MAN1")


@dataclass(frozen=True)
class Fixed:
    """A file with what its fixes made of it. `count` is how many were carried out."""

    path: Path
    name: str
    before: str
    after: str
    count: int

    def diff(self) -> str:
        """What changes, as a unified diff."""
        found = difflib.unified_diff(_lines(self.before), _lines(self.after), f"a/{self.name}", f"b/{self.name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def _lines(text: str) -> list[str]:
    """As patches count them: `str.splitlines` ends lines at more characters."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def work_out(
    checker: Checker, paths: Sequence[str], *, unsafe: bool = False, only: Collection[str] | None = None
) -> list[Fixed]:
    """What every file would become, or those whose real paths are in `only`; nothing is written.

    Fixes that overlap wait for the next round. Fixes after which a file can no longer be read as what it is are left
    out together.
    """
    report = checker.check(paths)
    before: dict[str, str] = {}
    now: dict[str, str] = {}
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    stuck: set[str] = set()
    for _ in range(_ROUNDS):
        texts: dict[str, tuple[str, int]] = {}
        for name, fixes in _fixes(report, unsafe).items():
            path = os.path.join(checker.root, name)
            if only is not None and os.path.realpath(path) not in only:
                continue
            if path in stuck or (text := now.get(path, _text(path))) is None:
                continue
            names[path] = name
            before.setdefault(path, text)
            changed, count = apply(text, fixes)
            if changed != text:
                texts[path] = changed, count
        if not texts:
            break
        for path, (changed, _count) in texts.items():
            checker.hold(path, changed)
        after = checker.check(paths)
        broken = _broken(after) - _broken(report)
        worse = {path for path in texts if names[path] in broken}
        for path, (changed, count) in texts.items():
            if path in worse:
                stuck.add(path)
                checker.hold(path, now.get(path, before[path]))
            else:
                now[path] = changed
                counts[path] = counts.get(path, 0) + count
        report = checker.check(paths) if worse else after
    for path in before:
        checker.close(path)
    return [
        Fixed(Path(path), names[path], before[path], text, counts[path])
        for path, text in sorted(now.items())
        if text != before[path]
    ]


def write(fixed: Iterable[Fixed]) -> tuple[list[Fixed], list[Fixed]]:
    """Write what was worked out: the files that are written, and those that have changed meanwhile and are not.

    Whenever it is interrupted, each file is as it was or as it should become.
    """
    written: list[Fixed] = []
    changed: list[Fixed] = []
    for item in fixed:
        if _text(str(item.path)) != item.before:
            changed.append(item)
            continue
        replace(item.path, item.after.encode())
        written.append(item)
    return written, changed


def apply(text: str, fixes: Iterable[Fix]) -> tuple[str, int]:
    """The text with as many of the fixes as do not touch each other, and how many those are.

    What is put in has the line ends of the text.
    """
    taken: list[Edit] = []
    count = 0
    for fix in fixes:
        edits = [edit for edit in fix.edits if edit not in taken]
        if any(_touch(edit, other) for edit in edits for other in taken):
            continue
        if any(not 0 <= edit.start <= edit.end <= len(text) for edit in edits):
            continue
        taken += edits
        count += 1
    windows = "\r\n" in text
    for edit in sorted(taken, key=lambda edit: (edit.start, edit.end), reverse=True):
        put = re.sub("\r?\n", "\r\n", edit.text) if windows else edit.text
        text = text[: edit.start] + put + text[edit.end :]
    return text, count


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end


def _fixes(report: Report, unsafe: bool) -> dict[str, list[Fix]]:
    found: dict[str, list[Fix]] = {}
    for item in report.diagnostics:
        if item.fix is not None and item.fix.edits and (item.fix.safe or unsafe):
            found.setdefault(item.file, []).append(item.fix)
    return found


def _broken(report: Report) -> set[str]:
    return {item.file for item in report.diagnostics if item.code.startswith(_CANNOT_BE_READ)}


def _text(path: str) -> str | None:
    try:
        return decode(read_bytes(path)[0])
    except Unreadable:
        return None
