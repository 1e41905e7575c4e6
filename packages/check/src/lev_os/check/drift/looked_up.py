"""All that a project's documents name, looked up in the APIs of its environment: once for every rule on drift.

What was said of a document is remembered by its content, as long as nothing that was read of the APIs has changed: so
one edit costs the following of one document.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from lev_os.core.caches import replace_cache

from ..api.library import Library
from ..cache import holds, states
from ..files import File
from ..project import Project
from .documents import drifts_in
from .mentions import mentions
from .telling import Told, tell

_Told = tuple[tuple[File, tuple[Told, ...]], ...]


class _Memory(msgspec.Struct, array_like=True):
    """`code` names the code that looked, `rests_on` the states of all it read, `told` goes by content and name."""

    code: str
    rests_on: dict[str, int]
    told: dict[str, tuple[Told, ...]]


def looked_up(project: Project) -> _Told:
    """Look everything up; reads the environment, imports nothing. Files of which nothing is to be said are left out."""
    library = Library(source_folders(project), project.environment.paths)
    store = library.index.store
    place = _place(project, library, store.folder)
    memory = _recall(place, store.code) or _Memory(store.code, {}, {})
    kept: dict[str, tuple[Told, ...]] = {}
    found: list[tuple[File, tuple[Told, ...]]] = []
    new = False
    for file in project.of_kind(*mentions.kinds):
        key = f"{project.digest(file).hex()} {file.path.name}"
        told = memory.told.get(key)
        if told is None:
            new = True
            named = project.fact(mentions, file)
            told = (
                tuple(tell(file, named, drifts_in(file, named, library.calls)[0], library)) if named is not None else ()
            )
        kept[key] = told
        if told:
            found.append((file, told))
    if new:
        store.save()
        read = (*library.index.finder.rests_on(), *library.commands.rests_on)
        memory = _Memory(store.code, memory.rests_on | states(read, project.begun), kept)
        if place:
            replace_cache(place, msgspec.msgpack.encode(memory))
    project.uses(*memory.rests_on)
    return tuple(found)


def source_folders(project: Project) -> tuple[str, ...]:
    """The folders that the project's own packages lie in: `src`, or beside `pyproject.toml`; for what lies in a
    site-packages, that."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for start in (os.path.join(project.root, ""), *(str(file.path) for file in project.files)):
        folder = os.path.dirname(start)
        while folder not in seen:
            seen.add(folder)
            if os.path.basename(folder) == "site-packages":
                found[folder] = None
            elif any(os.path.isfile(os.path.join(folder, name)) for name in ("pyproject.toml", "setup.py")):
                found.update((place, None) for place in (os.path.join(folder, "src"), folder) if os.path.isdir(place))
            folder = os.path.dirname(folder)
    return tuple(found)


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
