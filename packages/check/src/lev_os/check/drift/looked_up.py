"""All that a project's documents name, looked up in the APIs of its environment: once for every rule on drift.

What was said of a document is remembered by its content, as long as nothing that was read of the APIs has changed: so
one edit costs the following of one document.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from lev_os.core.caches import cache_folder, replace_cache

from ..api.library import Library
from ..cache import code_stamp, holds, states
from ..files import File
from ..project import Project
from .mentions import About, about, mentions
from .told import Told

_Told = tuple[tuple[File, tuple[Told, ...]], ...]


class _Memory(msgspec.Struct, array_like=True):
    """`code` names the code that looked, `rests_on` the states of all it read, `told` goes by content and name.
    `names` are those of the library, once they were asked for."""

    code: str
    rests_on: dict[str, int]
    told: dict[str, tuple[Told, ...]]
    names: frozenset[str] | None = None


def looked_up(project: Project) -> _Told:
    """Look everything up; reads the environment, imports nothing. Files of which nothing is to be said are left out."""
    library = Library(source_folders(project), project.environment.paths)
    place = _place(project, library, cache_folder())
    memory = _recall(place, code_stamp()) or _Memory(code_stamp(), {}, {})
    kept: dict[str, tuple[Told, ...]] = {}
    found: list[tuple[File, tuple[Told, ...]]] = []
    new = False
    for file in project.of_kind(*mentions.kinds):
        key = f"{project.digest(file).hex()} {file.base}"
        told = memory.told.get(key)
        if told is None:
            new = True
            if memory.names is None:
                memory.names = library.names
            told = _told(project, file, library) if _may_drift(project.fact(about, file), memory.names) else ()
        kept[key] = told
        if told:
            found.append((file, told))
    if new:
        library.save()
        rests_on = memory.rests_on | states(library.rests_on(), project.begun)
        memory = _Memory(memory.code, rests_on, kept, memory.names)
        if place:
            replace_cache(place, msgspec.msgpack.encode(memory))
    project.uses(*memory.rests_on)
    return tuple(found)


def _may_drift(found: About | None, names: frozenset[str]) -> bool:
    return found is not None and (found.surely or not names.isdisjoint(found.names.split()))


def _told(project: Project, file: File, library: Library) -> tuple[Told, ...]:
    from .documents import drifts_in
    from .telling import tell

    named = project.fact(mentions, file)
    return () if named is None else tuple(tell(file, named, drifts_in(file, named, library.calls)[0], library))


def source_folders(project: Project) -> tuple[str, ...]:
    """The folders that the project's own packages lie in: `src`, or beside `pyproject.toml`; for what lies in a
    site-packages, that."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for folder in (str(project.root), *dict.fromkeys(file.folder for file in project.files)):
        while folder not in seen:
            seen.add(folder)
            within = folder + os.sep
            if os.path.basename(folder) == "site-packages":
                found[folder] = None
            elif _is_file(within + "pyproject.toml") or _is_file(within + "setup.py"):
                found.update((place, None) for place in (os.path.join(folder, "src"), folder) if os.path.isdir(place))
            folder = os.path.dirname(folder)
    return tuple(found)


def _is_file(path: str) -> bool:
    """As `os.path.isfile`; nearly all are not there, and `access` says so without raising anything."""
    return os.access(path, os.F_OK) and os.path.isfile(path)


def _place(project: Project, library: Library, folder: str | None) -> str | None:
    if folder is None:
        return None
    key = hashlib.blake2b(repr((str(project.root), library.paths)).encode("utf-8", "surrogatepass"), digest_size=12)
    return os.path.join(folder, f"drift-{key.hexdigest()}.msgpack")


def _recall(place: str | None, code: str) -> _Memory | None:
    """What is remembered, if all that it rests on is as it was."""
    try:
        memory = msgspec.msgpack.decode(Path(place).read_bytes(), type=_Memory) if place else None
    except (OSError, msgspec.MsgspecError):
        return None
    return memory if memory is not None and memory.code == code and holds(memory.rests_on) else None
