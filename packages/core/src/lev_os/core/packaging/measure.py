"""Digests and token counts of many exports at once, remembered between runs while the files stay the same.

Counting tokens costs more than everything else that a list of packages shows. A count is remembered for a file
whose text a model gets as it stands; a context whose text depends on other files is measured each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec

from ..errors import LevError
from . import _index
from .export import Export
from .manifest import PYTHON

_FORMAT = 1


class Measure(msgspec.Struct, frozen=True, array_like=True):
    """What an export weighs for a model; both None, and `error`, when it cannot be read."""

    digest: str | None = None
    tokens: int | None = None
    error: str | None = None


class _Known(msgspec.Struct, frozen=True, array_like=True):
    modified: int
    size: int
    measure: Measure


class _Store(msgspec.Struct, array_like=True):
    format: int = _FORMAT
    known: dict[str, _Known] = {}


_decoder = msgspec.msgpack.Decoder(_Store)


def measure_exports(exports: Iterable[Export], *, condition: str = "llm") -> dict[str, Measure]:
    """Digest and tokens of each export, by specifier, as `condition` gets it (else as `llm-first`, else `default`).

    Nothing is imported. An export that only Python has, and is no tool, is left out.
    """
    file = _store_file()
    store = _load(file)
    found: dict[str, Measure] = {}
    fresh = False
    for export in exports:
        asked = next((name for name in (condition, "llm-first", "default") if name in export.conditions), None)
        path = _file_of(export, asked) if asked else None
        if path is None and export.kind != "tool":
            continue
        state = _state(path) if path else None
        known = store.known.get(f"{export.specifier} {path}") if state else None
        if known is not None and (known.modified, known.size) == state:
            found[export.specifier] = known.measure
            continue
        result, lasting = _weigh(export, asked or condition)
        found[export.specifier] = result
        if lasting and state is not None:
            store.known[f"{export.specifier} {path}"] = _Known(*state, result)
            fresh = True
    if fresh and file:
        _index.write(file, msgspec.msgpack.encode(store))
    return found


def _weigh(export: Export, condition: str) -> tuple[Measure, bool]:
    """The measure, and whether it depends on the export's own file alone."""
    from .for_llm import as_text

    try:
        item = as_text(export, condition)
        own = export.package.read(export.subpath, condition)[0] if export.kind != "tool" else ""
    except (LevError, OSError) as error:
        return Measure(error=error.message if isinstance(error, LevError) else str(error)), False
    return Measure(item["digest"], item["tokens"]), own.endswith(item["text"])


def _file_of(export: Export, condition: str) -> str | None:
    """Where the file should lie: enough to ask whether it has changed. Reading it checks the way there."""
    chosen = export.package.chosen(export.subpath, condition)
    return None if chosen.startswith(PYTHON) else os.path.join(export.package.base, chosen[2:])


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _store_file() -> str | None:
    folder = _index.cache_folder()
    return os.path.join(folder, "measures.bin") if folder else None


def _load(file: str | None) -> _Store:
    try:
        with open(file or os.devnull, "rb", buffering=0) as stream:
            store = _decoder.decode(stream.read())
    except (OSError, msgspec.DecodeError, ValueError, RecursionError):
        return _Store(known={})
    return store if store.format == _FORMAT else _Store(known={})
