"""What checks remember: of each file by its content, of each package by its files, and of the last whole run.

One file of the user's cache folder holds it for one root and one way of checking. The last run comes first in it, so
that a run with nothing changed reads no more: its report holds as long as every file and folder it rests on has the
state it had. A cache and nothing more: missing, stale or damaged, all is found anew.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec
from lev_os.core.caches import cache_folder, replace_cache

from .diagnostics import Diagnostic, Report
from .reading import state_of
from .suppressions import Suppression

ABSENT, CHANGING = 0, 1
"""States of a path that is not there, and of one written so lately that it may change again unseen."""

_FINE, _COARSE = 50_000_000, 2_000_000_000
"""Nanoseconds in which a file may change again and keep its time: on most file systems; where those are seconds."""
_MAX_FILES = 50_000


class CachedFile(msgspec.Struct, array_like=True):
    """What rules on files found in one. `facts` are msgpack, by name; an empty one says that there is none."""

    kind: str
    state: int
    digest: bytes
    diagnostics: tuple[Diagnostic, ...]
    suppressions: tuple[Suppression, ...]
    facts: dict[str, bytes]


class CachedPackage(msgspec.Struct, array_like=True):
    """What rules on a package and its flows found, with the states of all it rests on and the kinds of its files."""

    rests_on: dict[str, int]
    kinds: dict[str, str]
    diagnostics: tuple[Diagnostic, ...]


class CachedProject(msgspec.Struct, array_like=True):
    """What rules on the whole project found. `digest` is of the files and their contents."""

    digest: bytes
    rests_on: dict[str, int]
    diagnostics: tuple[Diagnostic, ...]


class CachedRun(msgspec.Struct, array_like=True):
    """A whole run: its report holds while all of `rests_on` has these states. `walk`: what it looked at, packed."""

    given: tuple[str, ...]
    rests_on: dict[str, int]
    report: Report
    walk: bytes

    def changed(self) -> frozenset[str]:
        """The paths that have another state now."""
        return frozenset(path for path, before in self.rests_on.items() if state(path) != before)


class Cache(msgspec.Struct, array_like=True):
    """All that is remembered for one root."""

    files: dict[str, CachedFile] = {}
    packages: dict[str, CachedPackage] = {}
    project: CachedProject | None = None


class Store:
    """The file of a `Cache`. `key` is all that findings depend on besides files; None remembers nothing."""

    def __init__(self, key: tuple[str, ...] | None) -> None:
        folder = cache_folder() if key is not None else None
        self._key = "\0".join(key or ()).encode("utf-8", "surrogatepass")
        self._path = None if folder is None else os.path.join(folder, f"check-{zlib.crc32(self._key):08x}.bin")
        self._rest = b""

    def last(self) -> CachedRun | None:
        """The last run that was kept, whether it still holds or not."""
        if self._path is None:
            return None
        try:
            with open(self._path, "rb", buffering=0) as stream:
                data = stream.read()
            head, _, rest = data.partition(b"\n")
            checksum, keys, runs = map(int, head.split())
            if checksum != zlib.crc32(rest) or rest[:keys] != self._key:
                return None
            self._rest = rest[keys + runs :]
            return msgspec.msgpack.decode(rest[keys : keys + runs], type=CachedRun)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None

    def cache(self) -> Cache:
        """The rest, after `last`."""
        try:
            return msgspec.msgpack.decode(self._rest, type=Cache)
        except (ValueError, msgspec.MsgspecError):
            return Cache()

    def save(self, run: CachedRun, cache: Cache) -> None:
        """Keep both, in one step; nothing is kept of more than 50,000 files, or with a path that is not UTF-8."""
        if self._path is None or len(cache.files) > _MAX_FILES:
            return
        encode = msgspec.msgpack.encode
        try:
            head, rest = encode(run), encode(cache)
        except UnicodeEncodeError:
            return
        data = self._key + head + rest
        replace_cache(self._path, b"%d %d %d\n%s" % (zlib.crc32(data), len(self._key), len(head), data))


def state(path: str, begun: int | None = None) -> int:
    """The state of a file or folder; with `begun`, `CHANGING` when it was written just before then."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ABSENT
    return state_of(status) if begun is None else settled(status, begun)


def settled(status: os.stat_result, begun: int) -> int:
    """The state, or `CHANGING` when it may change again and keep it."""
    when = status.st_mtime_ns
    margin = _FINE if when % 1_000_000_000 else _COARSE
    return CHANGING if when > begun - margin else state_of(status)


def states(paths: Iterable[str], begun: int) -> dict[str, int]:
    """The state of each path."""
    return {path: state(path, begun) for path in paths}


def holds(rests_on: Mapping[str, int]) -> bool:
    """Whether every path still has its state."""
    return all(map(int.__eq__, map(state, rests_on), rests_on.values()))


def files_below(root: str) -> Iterable[str]:
    """Every file and folder of a package, without hidden ones, caches and stubs."""
    pending = [root]
    while pending:
        folder = pending.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name == "__pycache__" or name.endswith((".pyc", ".pyi", "~")):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        yield entry.path
        except OSError:
            continue


@cache
def code_stamp() -> str:
    """A name for the code that checks: it changes when a rule, or anything that rules use, does."""
    import lev_os.core

    from . import __file__ as here

    total = 0
    for file in (here, lev_os.core.__file__):
        for path in files_below(os.path.dirname(file or here)):
            if path.endswith(".py"):
                total = zlib.crc32(b"%s%d" % (os.fsencode(path), state(path)), total)
    return f"{total:08x}"
