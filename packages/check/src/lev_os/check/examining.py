"""What is said of one file by itself: its findings, facts and suppressions; of many files, in several processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from lev_os.core.errors import LevError

from .applying import apply
from .cache import CachedFile, settled
from .facts import FACTS
from .files import File
from .reading import Unreadable, decode, read_bytes
from .selection import Selection
from .suppressions import suppressions_of

_WORTH = 100
"""Files for which it pays to start a second process: they take some 0.1 s, starting it 0.02 s."""
_PROCESSES = 4
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
    """`read_and_examine` each, in order; with more `processes`, each takes an equal share of many files."""
    count = min(processes, _PROCESSES, len(files) // _WORTH)
    if count < 2 or not hasattr(os, "fork"):
        yield from (read_and_examine(stale, begun, selection) for stale in files)
        return
    for kind in {stale.kind for stale in files}:  # loaded once, before they part
        selection.on_files(kind)
    shares = [files[number::count] for number in range(count)]
    children = [_start(share, begun, selection) for share in shares[1:]]
    said = [[read_and_examine(stale, begun, selection) for stale in shares[0]]]
    for child, share in zip(children, shares[1:], strict=True):
        said.append(_results(child) or [read_and_examine(stale, begun, selection) for stale in share])
    for at in range(len(files)):
        yield said[at % count][at // count]


def _start(share: Sequence[Stale], begun: int, selection: Selection) -> tuple[int, int]:
    """A process that looks at some files: its number, and where it writes."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a thread that only tells of progress
        child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        os.close(reading)
        data = msgspec.msgpack.encode([read_and_examine(stale, begun, selection) for stale in share])
        with open(writing, "wb") as stream:
            stream.write(data)
        os._exit(0)
    finally:
        os._exit(1)


def _results(child: tuple[int, int]) -> list[Said] | None:
    """What a process has said; None when it came to nothing."""
    number, reading = child
    with open(reading, "rb") as stream:
        data = stream.read()
    _, status = os.waitpid(number, 0)
    if status != 0:
        return None
    try:
        return msgspec.msgpack.decode(data, type=list[CachedFile | str])
    except msgspec.MsgspecError:
        return None
