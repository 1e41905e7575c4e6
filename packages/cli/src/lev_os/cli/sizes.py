"""Digests and token counts of exports, remembered between commands.

To count tokens exactly takes a third of a second before the first one; a file that has not changed since need not be
counted again. A cache and nothing more: missing, stale or damaged, it is made again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from . import __version__

if TYPE_CHECKING:
    from lev_os.core.packaging import Export

_RACY = 2_000_000_000
"""Nanoseconds: a file written this lately could change again without its time changing."""

_MOST = 50_000


class _Size(msgspec.Struct, array_like=True, frozen=True):
    modified: int
    bytes: int
    inode: int
    digest: str
    tokens: int


class _Cache(msgspec.Struct, array_like=True):
    version: str
    sizes: dict[str, _Size]


class Sizes:
    """Use as a context manager: what was counted is kept at the end."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or _default_file()
        self._known = self._load()
        self._new: dict[str, _Size] = {}

    def __enter__(self) -> Sizes:
        return self

    def __exit__(self, *_: object) -> None:
        if self._new:
            self._save()

    def of(self, export: Export) -> tuple[str, int]:
        """Digest and tokens of what a model gets; raises what `for_llm` raises."""
        condition = "llm" if {"llm", "default"} & set(export.conditions) else "llm-first"
        path = export.package.resolve(export.subpath, condition).path
        if path is None:
            return _counted(export, condition)
        now = path.stat()
        known = self._known.get(str(path))
        if known is not None and (known.modified, known.bytes, known.inode) == (
            now.st_mtime_ns,
            now.st_size,
            now.st_ino,
        ):
            return known.digest, known.tokens
        digest, tokens = _counted(export, condition)
        if now.st_mtime_ns < time.time_ns() - _RACY:
            self._new[str(path)] = _Size(now.st_mtime_ns, now.st_size, now.st_ino, digest, tokens)
        return digest, tokens

    def _load(self) -> dict[str, _Size]:
        try:
            cache = msgspec.msgpack.decode(self._file.read_bytes(), type=_Cache)
        except (OSError, msgspec.DecodeError):
            return {}
        # Files come and go; now and then it is cheaper to begin anew than to look which are left.
        return cache.sizes if cache.version == __version__ and len(cache.sizes) <= _MOST else {}

    def _save(self) -> None:
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(msgspec.msgpack.encode(_Cache(__version__, self._known | self._new)))
            draft.replace(self._file)
        except OSError:
            draft.unlink(missing_ok=True)


def _counted(export: Export, condition: str) -> tuple[str, int]:
    loaded: dict[str, Any] = export.for_llm(conditions=condition)
    return loaded["digest"], loaded["tokens"]


def _default_file() -> Path:
    chosen = os.environ.get("LEV_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "leviathan"
    return Path(chosen).expanduser() / "sizes.msgpack"
