"""Summaries of modules, remembered on disk: one file for each top-level package, read and written once a run.

An entry counts as long as its source has the state that it had (`cache.state`: its times, its size, and which file it
is), so an upgrade, an edit in an editable install, a file put back with its old time and a switch of environments need
nothing else. Whatever cannot be read is read from the source again, and what is gone is forgotten.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time

import msgspec
from lev_os.core.caches import cache_folder, replace_cache

from ..cache import code_stamp, settled
from ..reading import state_of
from .shapes import Module
from .summary import summarise

_MAX_SOURCE = 8 * 1024 * 1024


class _Entry(msgspec.Struct, array_like=True):
    state: int
    module: msgspec.Raw


class _Cache(msgspec.Struct, array_like=True):
    code: str
    python: tuple[int, ...]
    entries: dict[str, _Entry]


class Store(msgspec.Struct, dict=True):
    """Reads modules. `folder` is where summaries are kept; None keeps them for this run alone."""

    folder: str | None = msgspec.field(default_factory=cache_folder)
    code: str = msgspec.field(default_factory=code_stamp)
    """Names the code that summarises: what other code has written is not read."""
    _caches: dict[str, dict[str, _Entry]] = msgspec.field(default_factory=dict)
    _changed: set[str] = msgspec.field(default_factory=set)

    def read(self, name: str, path: str, *, is_package: bool) -> Module | None:
        """The module in a file; None when there is none that Python could read."""
        try:
            stat = os.stat(path)
        except OSError:
            return None
        file = self._file(name, path)
        entries = self._entries(file)
        entry = entries.get(path)
        if entry is not None and entry.state == state_of(stat):
            try:
                return msgspec.msgpack.decode(entry.module, type=Module)
            except msgspec.MsgspecError:
                pass
        now = settled(stat, time.time_ns())
        module = _read(name, path, stat.st_size, is_package=is_package)
        if module is not None:
            entries[path] = _Entry(now, msgspec.Raw(msgspec.msgpack.encode(module)))
            self._changed.add(file)
        return module

    def save(self) -> None:
        """Write what is new."""
        if self.folder is not None:
            for file in self._changed:
                entries = {path: entry for path, entry in self._caches[file].items() if os.path.exists(path)}
                cache = _Cache(self.code, sys.version_info[:2], entries)
                replace_cache(file, msgspec.msgpack.encode(cache))
        self._changed.clear()

    def _file(self, name: str, path: str) -> str:
        """The cache that a module belongs to: by its top-level name and the folder that this lies in."""
        top = name.partition(".")[0]
        root = path.replace(os.sep, "/").rpartition(f"/{top}")[0]
        key = hashlib.blake2b(f"{root}\0{top}".encode(), digest_size=12).hexdigest()
        return os.path.join(self.folder or "", f"api-{key}.msgpack")

    def _entries(self, file: str) -> dict[str, _Entry]:
        if file not in self._caches:
            self._caches[file] = _load(file, self.code) if self.folder is not None else {}
        return self._caches[file]


def _load(file: str, code: str) -> dict[str, _Entry]:
    try:
        with open(file, "rb") as stream:
            cache = msgspec.msgpack.decode(stream.read(), type=_Cache)
    except (OSError, msgspec.MsgspecError):
        return {}
    return cache.entries if (cache.code, cache.python) == (code, sys.version_info[:2]) else {}


def _read(name: str, path: str, size: int, *, is_package: bool) -> Module | None:
    if size > _MAX_SOURCE:
        return None
    try:
        with open(path, "rb") as stream:
            source = stream.read().decode("utf-8")
        return summarise(source, name, path, is_package=is_package)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
