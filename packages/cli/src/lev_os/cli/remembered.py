"""What `lev list` found last, kept for as long as nothing it was made from has changed.

A thousand packages are looked at with a few `stat` calls each, and nothing is imported for it that Python has not
loaded already: this is the whole way of `lev list --json` as long as all is as it was. `listing` makes what is kept
here. A cache and nothing more: missing, stale or damaged, it is made again.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lev_os.core.caches import cache_folder, replace_cache

from . import __version__

ABSENT, CHANGING = 0, 1
"""States of a path that is not there, and of one that was written so lately that it may not be relied on."""

RACY = 2_000_000_000
"""Nanoseconds: a file written this lately could change again without its time changing."""

_FORMAT = f"lev list 1 {__version__} {sys.version_info[:2]}"


class Memory(NamedTuple):
    """`output` rests on `paths` and was made when they had these `states`.

    `plan` says which of them each package's row rests on, in a form that is `listing`'s own.
    """

    paths: tuple[str, ...] = ()
    states: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    output: bytes = b"[]"
    plan: bytes = b""


def print_last() -> bool:
    """Print the last `lev list --json` of this folder if it still holds; whether it did."""
    if sys.stdout.isatty():
        return False
    memory = load(None)
    if memory is None or not memory.output.isascii() or not is_current(memory.paths, memory.states):
        return False
    for warning in memory.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    sys.stdout.write(memory.output.decode() + "\n")
    sys.stdout.flush()
    return True


def is_current(paths: Iterable[str], states: Iterable[int]) -> bool:
    """Whether every path still has its state."""
    return all(map(int.__eq__, map(state, paths), states))


def state(path: str, begun: int | None = None) -> int:
    """A number that changes with the file or folder; with `begun`, `CHANGING` when it was written just before then."""
    try:
        now = os.stat(path)
    except (OSError, ValueError):
        return ABSENT
    if begun is not None and now.st_mtime_ns > begun - RACY:
        return CHANGING
    # Hashes of numbers are the same in every process.
    return hash((now.st_mtime_ns, now.st_size, now.st_ino))


def load(python: str | None) -> Memory | None:
    """What is remembered for this folder and `--python`, current or not."""
    key, file = _place(python)
    if file is None:
        return None
    try:
        with open(file, "rb", buffering=0) as stream:
            checksum, _, data = stream.read().partition(b"\n")
        if int(checksum) != zlib.crc32(data):
            return None
        head, _, rest = data.partition(b"\n")
        parts = []
        for length in map(int, head.split()):
            parts.append(rest[:length])
            rest = rest[length:]
        known, paths, states, warnings, output, plan = parts
        if known != key:
            return None
        return Memory(_texts(paths), tuple(memoryview(states).cast("q")), _texts(warnings), output, plan)
    except (OSError, ValueError, TypeError):
        return None


def save(python: str | None, memory: Memory) -> None:
    """Remember it for this folder and `--python`."""
    from array import array

    key, file = _place(python)
    if file is None:
        return
    states = array("q", memory.states).tobytes()
    parts = (key, _bytes(memory.paths), states, _bytes(memory.warnings), memory.output, memory.plan)
    data = b"%s\n%s" % (" ".join(str(len(part)) for part in parts).encode(), b"".join(parts))
    replace_cache(file, b"%d\n%s" % (zlib.crc32(data), data))


def _place(python: str | None) -> tuple[bytes, str | None]:
    """What a listing depends on besides files, and the file for it; None when there is no home for one."""
    key = _bytes((_FORMAT, os.getcwd(), sys.prefix, python or "", *sys.path))
    folder = cache_folder()
    return key, os.path.join(folder, f"list-{zlib.crc32(key):08x}.bin") if folder else None


def _bytes(texts: Sequence[str]) -> bytes:
    return "\0".join(texts).encode("utf-8", "surrogatepass")


def _texts(data: bytes) -> tuple[str, ...]:
    return tuple(data.decode("utf-8", "surrogatepass").split("\0")) if data else ()
