"""The rows of `lev list`: only those of packages that have changed are made anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core.errors import InvalidInput, LevError

from . import remembered
from .catalog import discovery
from .project import find_environment, project_root
from .remembered import CHANGING, Memory, is_current, state

if TYPE_CHECKING:
    from lev_os.core.packaging import Export, Package

_MOST_FILES = 5000
"""Files of a package beyond which looking whether they have changed costs more than making its row."""


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """The row of a package: what the package was, how many paths the row rests on, and how many bytes it has."""

    identity: tuple[str | None, ...]
    paths: int
    bytes: int


_plans = msgspec.msgpack.Decoder(tuple[int, tuple[_Row, ...]])
_Part = tuple[list[str], list[int], bytes]


def listing(python: str | None = None) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """`{name, version, source, error?, exports}` of every package, and what discovery warns of."""
    memory = remembered.load(python)
    if memory is None or not is_current(memory.paths, memory.states):
        memory = _made(python, memory)
    return msgspec.json.decode(memory.output), memory.warnings


def _made(python: str | None, before: Memory | None) -> Memory:
    begun = time.time_ns()
    ground = list(_landmarks(python))
    found = discovery(python)
    ground += found.sources
    known = _parts(before) if before is not None else {}
    plan, rows = [], []
    paths, states = list(ground), [state(path, begun) for path in ground]
    for package in found.packages:
        identity = (package.name, str(package.root), package.source, package.version)
        part = known.get(identity)
        if part is None or not is_current(part[0], part[1]):
            part = _part(package, begun)
        plan.append(_Row(identity, len(part[0]), len(part[2])))
        paths += part[0]
        states += part[1]
        rows.append(part[2])
    packed = msgspec.msgpack.encode((len(ground), plan))
    memory = Memory(tuple(paths), tuple(states), found.warnings, b"[" + b",".join(rows) + b"]", packed)
    if memory != before:
        remembered.save(python, memory)
    return memory


def _parts(memory: Memory) -> dict[tuple[str | None, ...], _Part]:
    """What is remembered of each package: paths, their states, and its row as JSON."""
    try:
        at, plan = _plans.decode(memory.plan)
    except msgspec.DecodeError:
        return {}
    parts: dict[tuple[str | None, ...], _Part] = {}
    start = 1
    for row in plan:
        paths, states = memory.paths[at : at + row.paths], memory.states[at : at + row.paths]
        parts[row.identity] = (list(paths), list(states), memory.output[start : start + row.bytes])
        at += row.paths
        start += row.bytes + 1
    return parts


def _part(package: Package, begun: int) -> _Part:
    paths = list(_below(package))
    states = [state(path, begun) for path in paths]
    row, linked = _row(package)
    paths += linked
    states += [state(path, begun) for path in linked]
    if len(paths) > _MOST_FILES or "error" in row or any("error" in export for export in row["exports"]):
        # What made it fail may be no file's contents: permissions, a full disk.
        paths, states = [str(package.root)], [CHANGING]
    return paths, states, msgspec.json.encode(row)


def _landmarks(python: str | None) -> Iterator[str]:
    """What decides which environment and which project are meant."""
    here, root = Path.cwd(), project_root()
    for folder in (here, *here.parents):
        yield str(folder / "pyproject.toml")
        yield str(folder / ".venv" / "lib")
        yield str(folder / ".venv" / "Lib")
        if not (folder / ".git").exists():  # one that is there changes with every commit
            yield str(folder / ".git")
    if python is not None:
        prefix = find_environment(python).prefix
        yield from (str(prefix / "lib"), str(prefix / "Lib"))
    for base in (root, root / "src"):
        yield str(base)
        if base.is_dir():
            yield from (str(folder / "lev.toml") for folder in base.iterdir() if folder.is_dir())


def _below(package: Package) -> Iterator[str]:
    """What the row of a package rests on.

    Exports of a manifest may be any files, and tools and contexts depend on the code they link to: everything that
    lies in the package. Of a wheel that only ships skills, those alone.
    """
    if package.error is None and package.manifest.path is None:
        yield os.path.join(package.root, "lev.toml")
        yield from (os.path.join(package.root, target["llm"]) for target in package.table.values())
        return
    count = 0
    folders = [str(package.root)]
    while folders and count <= _MOST_FILES:
        folder = folders.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    count += 1
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry.path
                    elif entry.name != "__pycache__":
                        folders.append(entry.path)
        except OSError:
            continue


def _row(package: Package) -> tuple[dict[str, Any], list[str]]:
    """The row, and the code files that the texts of a package without a manifest show something of."""
    row: dict[str, Any] = {"name": package.name, "version": package.version, "source": package.source}
    exports: list[dict[str, Any]] = []
    linked: list[str] = []
    error = package.error
    if error is None:
        try:
            exports = [_export(export, linked) for export in package.exports()]
        except LevError as problem:
            error = str(problem.problems[0]) if isinstance(problem, InvalidInput) else problem.message
    if error is not None:
        row["error"] = error
    return row | {"exports": exports}, linked


def _export(export: Export, linked: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "specifier": export.specifier,
        "kind": export.kind,
        "conditions": list(export.conditions),
        "digest": None,
        "tokens": None,
    }
    if export.deprecated:
        row["deprecated"] = export.deprecated
    if not {"llm", "llm-first", "default"}.isdisjoint(export.conditions):
        try:
            row["digest"], row["tokens"] = _size(export, linked)
        except (LevError, OSError) as problem:
            row["error"] = problem.message if isinstance(problem, LevError) else str(problem)
    return row


def _size(export: Export, linked: list[str]) -> tuple[str, int]:
    """Digest and tokens of what a model gets."""
    condition = "llm" if {"llm", "default"} & set(export.conditions) else "llm-first"
    if export.kind == "skill":
        from lev_os.core.packaging.for_llm import parsed

        context = parsed(export, condition)
        linked += [str(link.path) for link in context.references if link.kind == "code" and link.path]
        return context.digest, context.tokens
    loaded = export.for_llm(conditions=condition)
    return loaded["digest"], loaded["tokens"]
