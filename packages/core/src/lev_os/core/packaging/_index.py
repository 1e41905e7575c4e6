"""The cached index of what `_scan` found. A cache and nothing more: missing, stale or damaged, it is built again.

It lives in the user's cache folder (`LEV_CACHE_DIR` overrides it), one file for each list of paths, replaced
atomically; several processes may write the same one at once, and the last wins.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from functools import lru_cache

import msgspec

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


def lookup(paths: tuple[str, ...]) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """What is among `paths`, from the index if everything it was made from is unchanged."""
    file = index_file(paths)
    known = _load(file, paths) if file else None
    if known is None:
        known = _build(paths, file)
    return known.found, known.warnings


@lru_cache(maxsize=16)
def _file_in(folder: str, paths: tuple[str, ...]) -> str:
    name = hashlib.sha256("\0".join(paths).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return os.path.join(folder, f"packages-{name}.bin")


def index_file(paths: tuple[str, ...]) -> str | None:
    """Where the index of these paths lies; None when there is no home for it."""
    folder = cache_folder()
    return _file_in(folder, paths) if folder else None


def cache_folder() -> str | None:
    """`LEV_CACHE_DIR`, else the platform's folder for a user's caches."""
    chosen = os.environ.get("LEV_CACHE_DIR")
    if chosen:
        return chosen
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "leviathan") if base and os.path.isabs(base) else None


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
        write(file, msgspec.msgpack.encode(index))
    return index


def _is_racy(result: Scan, before: int) -> bool:
    return any(when > before - _RACY for when in result.stamps.values())


def write(file: str, data: bytes) -> None:
    """Replace the index; a cache that cannot be written is no error."""
    temporary = f"{file}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            return
