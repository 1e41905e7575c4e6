"""What an export would change in a folder, and what stands in its way; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import LevError

from ..target import Rendered
from . import record as records
from .blocks import split, with_block, without_block
from .committing import Operation
from .paths import Tree, check_names
from .placing import all_blocks
from .record import Made, Record

__all__ = ["Change", "Plan", "plan"]

Action = Literal["create", "update", "remove", "keep"]
T = TypeVar("T", bytes, str)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a path. `keep`: it is no longer wanted, and stays: a person has changed it, or had it before."""

    path: str
    action: Action


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` in order of their paths, `same` what is as it should be, `conflicts` what a person would lose."""

    base: Path
    changes: tuple[Change, ...]
    same: tuple[str, ...]
    conflicts: tuple[tuple[str, str], ...]
    operations: tuple[Operation, ...]


@dataclass(slots=True)
class _Planner:
    tree: Tree
    record: Record
    changes: list[Change] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    files: dict[str, Made] = field(default_factory=dict)
    blocks: dict[str, Made] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        place = Path(self.tree.base, path)
        if not place.is_file():
            return None
        return place.read_bytes()

    def file(self, path: str, data: bytes, targets: tuple[str, ...], executable: bool) -> None:
        self.tree.check(path)
        before = self.read(path)
        known = self.record.files.get(path)
        found = before == data and (known is None or known.found)
        self.files[path] = Made(digest_bytes(data), targets, found=found)
        if before == data:
            self.same.append(path)
            return
        if before is not None:
            digest = digest_bytes(before)
            if known is None:
                self.conflicts.append((path, "is not from `lev export`"))
            elif known.digest != digest:
                self.conflicts.append((path, "was changed after `lev export` wrote it"))
        self.put(path, data, before, executable)

    def block(self, path: str, text: str, targets: tuple[str, ...]) -> None:
        self.tree.check(path)
        before = self.read(path)
        known = self.record.blocks.get(path)
        after, glue = with_block(before, text, path)
        there = None if before is None else split(before, path).block
        if there is not None and there != text and (known is None or known.digest != digest_bytes(there.encode())):
            self.conflicts.append((path, "was changed between its markers after `lev export` wrote it"))
        if there is not None and known is not None:
            glue = known.glue
        whole = before is None if there is None else known is not None and known.whole
        self.blocks[path] = Made(digest_bytes(text.encode()), targets, glue, whole)
        if before == after:
            self.same.append(path)
        else:
            self.put(path, after, before)

    def unwanted_file(self, path: str, made: Made) -> None:
        before = self.read(self.tree.real(path))
        if before is None:
            return
        if made.found or digest_bytes(before) != made.digest:
            self.changes.append(Change(path, "keep"))
        else:
            self.remove(path, before)

    def unwanted_block(self, path: str, made: Made) -> None:
        before = self.read(path)
        there = None if before is None else split(before, path).block
        if before is None or there is None:
            return
        if digest_bytes(there.encode()) != made.digest:
            self.changes.append(Change(path, "keep"))
            return
        after = without_block(before, made.glue, path)
        if made.whole and not after.strip():
            self.remove(path, before)
        else:
            self.put(path, after, before)

    def put(self, path: str, data: bytes, before: bytes | None, executable: bool = False) -> None:
        self.changes.append(Change(path, "create" if before is None else "update"))
        self.operations[path] = Operation(path, data, None if before is None else digest_bytes(before), executable)

    def remove(self, path: str, before: bytes) -> None:
        self.changes.append(Change(path, "remove"))
        self.operations[path] = Operation(path, None, digest_bytes(before))


def plan(base: Path, wanted: Mapping[str, Rendered]) -> Plan:
    """What has to change below `base`, so that it holds what the named targets want.

    What other targets made there before stays. Raises `LevError` for paths that cannot be written, and for two
    targets that want different things at one path.
    """
    tree = Tree(str(base.resolve()))
    files = _merged(tree, {name: rendered.files for name, rendered in wanted.items()})
    blocks = _merged(tree, {name: _linked(tree, all_blocks(tree.base, rendered)) for name, rendered in wanted.items()})
    check_names([*files, *blocks, records.NAME])
    if both := sorted(files.keys() & blocks.keys()):
        raise LevError(f"{both[0]} would be a file of its own and a block in somebody's file")
    executable = frozenset[str]().union(*(rendered.executable for rendered in wanted.values()))
    before = _read(base / records.NAME)
    record = records.read_record(before, str(base / records.NAME))
    check_names([*record.files, *record.blocks])
    planner = _Planner(tree, record)
    for path, (data, targets) in sorted(files.items()):
        others = _others(planner.record.files.get(path), wanted)
        planner.file(path, data, tuple(sorted({*targets, *others})), path in executable)
    for path, (text, targets) in sorted(blocks.items()):
        planner.block(path, text, tuple(sorted({*targets, *_others(planner.record.blocks.get(path), wanted)})))
    _unwanted(planner, wanted)
    made = Record(files=planner.files, blocks=planner.blocks)
    _record(planner, made, before)
    return Plan(
        Path(tree.base),
        tuple(sorted(planner.changes, key=lambda change: change.path)),
        tuple(sorted(planner.same)),
        tuple(sorted(planner.conflicts)),
        tuple(planner.operations.values()),
    )


def _unwanted(planner: _Planner, wanted: Mapping[str, Rendered]) -> None:
    """What the record knows and nobody wants any more goes; what only other targets want stays as it is."""
    for path, made in planner.record.files.items():
        if path in planner.files:
            continue
        if others := _others(made, wanted):
            planner.files[path] = msgspec.structs.replace(made, targets=others)
        elif path not in planner.blocks:
            planner.unwanted_file(path, made)
    for path, made in planner.record.blocks.items():
        if path in planner.blocks:
            continue
        if others := _others(made, wanted):
            planner.blocks[path] = msgspec.structs.replace(made, targets=others)
        elif path not in planner.files:
            planner.unwanted_block(path, made)


def _record(planner: _Planner, made: Record, before: bytes | None) -> None:
    if made.files or made.blocks:
        after = records.record_bytes(made)
        if after != before:
            planner.put(records.NAME, after, before)
    elif before is not None:
        planner.remove(records.NAME, before)


def _others(made: Made | None, wanted: Mapping[str, Rendered]) -> tuple[str, ...]:
    return () if made is None else tuple(target for target in made.targets if target not in wanted)


def _linked(tree: Tree, blocks: Mapping[str, str]) -> Mapping[str, str]:
    """The blocks; files that are links to one another have one text, the one that says all that the others say."""
    texts: dict[str, str] = {}
    for path, text in blocks.items():
        real = tree.real(path)
        if set(texts.setdefault(real, text).splitlines()) < set(text.splitlines()):
            texts[real] = text
    return {
        path: whole if set(text.splitlines()) < set((whole := texts[tree.real(path)]).splitlines()) else text
        for path, text in blocks.items()
    }


def _merged(tree: Tree, wanted: Mapping[str, Mapping[str, T]]) -> dict[str, tuple[T, tuple[str, ...]]]:
    """Contents and the targets that want them, by path. A link leads only to what is wanted there, too."""
    merged: dict[str, tuple[T, tuple[str, ...]]] = {}
    every = {path for contents in wanted.values() for path in contents}
    for target, contents in wanted.items():
        for path, content in contents.items():
            real = tree.real(path)
            if real != path and real not in every and not Path(tree.base, path).is_file():
                raise LevError(
                    f"{path} would be written to {real}, through a symbolic link", help="remove the link, and try again"
                )
            before: tuple[T, tuple[str, ...]] = merged.get(real, (content, ()))
            if before[0] != content:
                raise LevError(
                    f"{path} is wanted with two contents, by {' and '.join(sorted({*before[1], target}))}",
                    help="give each target an --out of its own",
                )
            merged[real] = (content, (*before[1], target))
    return merged


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def described(conflicts: Iterable[tuple[str, str]]) -> str:
    """The lines of an error."""
    return "\n".join(f"    {path} {why}" for path, why in conflicts)
