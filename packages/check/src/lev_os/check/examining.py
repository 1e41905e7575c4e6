"""What is said of one file by itself: its findings, facts and suppressions; of many files, in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from lev_os.core.errors import LevError

from .applying import apply
from .cache import CachedFile, settled
from .facts import FACTS
from .files import File
from .processes import MOST_TURNS, Beside, Turns
from .reading import Unreadable, decode, read_bytes
from .selection import Selection
from .suppressions import suppressions_of

_WORTH = 100
"""Files for which it pays to start a second process: they take some 0.1 s, starting it 0.02 s."""
_PROCESSES = 4
_FEW = 8
"""Files that a process takes at a time: the last ones are waited for, and every turn is some microseconds."""
Said = CachedFile | str
"""What is to be remembered of a file, or why it could not be read."""


class Stale(NamedTuple):
    """A file that has to be looked at: its path, its name, its kind, and what is remembered of it."""

    path: str
    name: str
    kind: str
    kept: CachedFile | None


def examine(file: File, digest: bytes, now: int, selection: Selection) -> CachedFile:
    """All that the rules and facts say of a file whose text is known."""
    rules, marked = selection.on_files(file.kind).look(file)
    found = tuple(apply(rules, file, file, lambda _: file))
    facts: dict[str, bytes] = {}
    if selection.on("project", frozenset({file.kind})):
        for fact in FACTS.values():
            if file.kind in fact.kinds and not fact.late:
                try:
                    facts[fact.name] = msgspec.msgpack.encode(fact.extract(file))
                except (LevError, Unreadable):
                    facts[fact.name] = b""
                except Exception:  # whoever asks for the fact is told
                    continue
    return CachedFile(file.kind, now, digest, found, suppressions_of(file) if marked else (), facts)


def digest_of(data: bytes) -> bytes:
    """A name for the contents of a file."""
    return blake2b(data, digest_size=16).digest()


def read_and_examine(stale: Stale, begun: int, selection: Selection) -> Said:
    """Look at a file on disk; what is remembered stays when its content is the same."""
    try:
        data, status = read_bytes(stale.path)
        now = settled(status, begun)
        digest = digest_of(data)
        if stale.kept is not None and stale.kept.digest == digest:
            stale.kept.state = now
            return stale.kept
        file = File(stale.path, stale.name, stale.kind, decode(data))
        file.data = data
        return examine(file, digest, now, selection)
    except Unreadable as problem:
        return str(problem)


def examine_all(files: Sequence[Stale], begun: int, selection: Selection, *, processes: int = 1) -> Iterator[Said]:
    """`read_and_examine` each, in order; of many files, several `processes` take a few at a time."""
    count = min(processes, _PROCESSES, len(files) // _WORTH)
    if count < 2:
        yield from (read_and_examine(stale, begun, selection) for stale in files)
        return
    for kind in {stale.kind for stale in files}:  # loaded once, before they part
        selection.on_files(kind)
    size = max(_FEW, -(-len(files) // MOST_TURNS))
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    turns = Turns(len(parts))

    def part(number: int) -> list[Said]:
        return [read_and_examine(stale, begun, selection) for stale in parts[number]]

    def work() -> dict[int, list[Said]]:
        return {number: part(number) for number in turns}

    others = [Beside(work, dict[int, list[Said]]) for _ in range(1, count)]
    said = work()
    for other in others:
        said |= other.result() or {}
    turns.close()
    for number in range(len(parts)):
        yield from said[number] if number in said else part(number)
