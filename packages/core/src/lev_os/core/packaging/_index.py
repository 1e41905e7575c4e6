"""The cached index of what `_scan` found. A cache and nothing more: missing, stale or damaged, it is built again.

It lives in the user's cache folder (`LEV_CACHE_DIR` overrides it), one file for each list of paths, replaced
atomically; several processes may write the same one at once, and the last wins.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from ..caches import cache_folder, replace_cache
from ._scan import Found, Scan, modified, scan

_FORMAT = 1
_RACY = 50_000_000
"""A file changed within these ns before it was looked at may change again within one tick of the clock."""


class _Index(msgspec.Struct, frozen=True, array_like=True):
    format: int
    paths: tuple[str, ...]
    stamps: dict[str, int]
    found: tuple[Found, ...]
    warnings: tuple[str, ...]


_decoder = msgspec.msgpack.Decoder(_Index)


def lookup(paths: tuple[str, ...]) -> tuple[tuple[Found, ...], tuple[str, ...], Iterable[str]]:
    """What is among `paths`, warnings, and the paths that tell; from the index if everything there is unchanged."""
    file = index_file(paths)
    known = _load(file, paths) if file else None
    if known is None:
        known = _build(paths, file)
    return known.found, known.warnings, known.stamps


@lru_cache(maxsize=16)
def _file_in(folder: str, paths: tuple[str, ...]) -> str:
    name = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return os.path.join(folder, f"packages-{name}.bin")


def index_file(paths: tuple[str, ...]) -> str | None:
    """Where the index of these paths lies; None when there is no home for it."""
    folder = cache_folder()
    return _file_in(folder, paths) if folder else None


def _load(file: str, paths: tuple[str, ...]) -> _Index | None:
    try:
        with open(file, "rb", buffering=0) as stream:
            index = _decoder.decode(stream.read())
    except (OSError, msgspec.DecodeError, ValueError, RecursionError):
        return None
    if index.format != _FORMAT or index.paths != paths:
        return None
    stat = os.stat
    try:
        for path, when in index.stamps.items():
            if when:
                if stat(path).st_mtime_ns != when:
                    return None
            elif modified(path):
                return None
    except (OSError, ValueError):
        return None
    return index


def _build(paths: tuple[str, ...], file: str | None) -> _Index:
    before = time.time_ns()
    result = scan(paths)
    index = _Index(_FORMAT, paths, result.stamps, tuple(result.found), tuple(result.warnings))
    if file and not _is_racy(result, before):
        replace_cache(file, msgspec.msgpack.encode(index))
    return index


def _is_racy(result: Scan, before: int) -> bool:
    return any(when > before - _RACY for when in result.stamps.values())
