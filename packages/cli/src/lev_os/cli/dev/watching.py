"""Which files of a package have changed, found by looking again.

A package is some dozens of files: asking for all their times takes about a millisecond, works on every file system
and in every container, and needs no library. Events of the system would need one with native code.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

INTERVAL = 0.3
"""Seconds between two looks."""
MAX_FILES = 20_000

Stamps = Mapping[str, tuple[int, int, int]]
"""Times (ns), sizes and file numbers, by path."""


def stamps_of(root: Path) -> Stamps:
    """All files below a folder, without hidden ones, caches and stubs; none when the folder is gone."""
    found: dict[str, tuple[int, int, int]] = {}
    pending = [str(root)]
    while pending and len(found) < MAX_FILES:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith((".pyi", ".pyc", "~")):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    status = entry.stat()
                    found[entry.path] = (status.st_mtime_ns, status.st_size, status.st_ino)
            except OSError:  # gone, or a link to nothing
                found[entry.path] = (0, 0, 0)
    return found


def changes(root: Path, before: Stamps, *, interval: float = INTERVAL) -> Iterator[tuple[list[Path], Stamps]]:
    """Each time something has changed and come to rest: the changed files, and the new state. Never ends."""
    while True:
        time.sleep(interval)
        now = stamps_of(root)
        if now == before:
            continue
        while (later := _after(root, interval)) != now:
            now = later
        changed = sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
        before = now
        if changed:
            yield [Path(path) for path in changed], now


def _after(root: Path, interval: float) -> Stamps:
    """The state a little later: an editor may write a file in several steps."""
    time.sleep(min(interval, 0.1))
    return stamps_of(root)
