"""The targets of an export map, one by one, each with its place and whether it leads anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lev_os.core.documents import Document, read_toml
from lev_os.core.errors import InvalidInput, LevError

from ..project import PackageSubject
from ..rule import Finding, Span
from .modules import find_module

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A target as it stands in the manifest: `key` of the export, the conditions that lead to it, its text."""

    key: str
    conditions: tuple[str, ...]
    text: str
    at: KeyPath

    @property
    def is_file(self) -> bool:
        return self.text.startswith("./")


class Manifest:
    """A `lev.toml` as far as it can be read, with the places of its keys."""

    def __init__(self, subject: PackageSubject, document: Document) -> None:
        self.subject = subject
        self.document = document
        self.data: Mapping[str, Any] = document.data
        self.root = subject.package.root

    @property
    def exports(self) -> Mapping[str, Any]:
        """Those that are under the keys that are read, as they are written."""
        found, read = self.data.get("exports", {}), self.subject.package.manifest.exports
        return {key: found[key] for key in found if key in read} if isinstance(found, Mapping) else {}

    @property
    def is_whole(self) -> bool:
        """Whether every export could be read, so that nothing else is exported."""
        return not self.subject.package.manifest.left_out

    def targets(self) -> Iterator[Written]:
        """Every target that is text, in the order of the file."""
        for key, target in self.exports.items():
            yield from _written(key, target, (), ("exports", key))

    def span(self, *path: str | int) -> Span:
        """A key by its path, or the nearest one above it."""
        at = self.document.at(path, key=True)
        return self.subject.manifest.span_at(at.line or 1, at.column or 1)

    def finding(self, message: str, *path: str | int, help: str | None = None) -> Finding:
        """A finding at a key of the manifest."""
        return Finding(self.span(*path), message, help)


def manifest_of(subject: PackageSubject) -> Manifest | None:
    """The package's manifest; None when nothing of it can be read, which reading it has reported."""
    try:
        _ = subject.package.manifest
    except LevError:
        return None
    try:
        return Manifest(subject, read_toml(subject.manifest.text, code="MAN101"))
    except (InvalidInput, KeyError):
        return None


def missing(manifest: Manifest, target: Written) -> str | None:
    """Why a target without a star leads nowhere; None when it is there, or cannot be told."""
    if target.is_file:
        return None if (manifest.root / target.text).is_file() else "there is no such file"
    module, _, name = target.text.partition(":")
    found = find_module(manifest.subject.package.name, manifest.root, module)
    if found is None:
        return f"there is no module `{module}`"
    first = name.partition(".")[0]
    if first and found.names is not None and first not in found.names:
        return f"`{module}` has no `{first}`"
    return None


def files_below(root: Path, folder: str) -> Iterator[Path]:
    """The files below a folder of the package, sorted, without caches; what cannot be read is left out."""
    found: list[Path] = []
    for place, folders, names in os.walk(root / folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(place, name) for name in names]
    return iter(sorted(found))


def _written(key: str, target: Any, conditions: tuple[str, ...], at: KeyPath) -> Iterator[Written]:
    if isinstance(target, str):
        yield Written(key, conditions, target, at)
    elif isinstance(target, list):
        for index, item in enumerate(target):
            yield from _written(key, item, conditions, (*at, index))
    elif isinstance(target, Mapping):
        for condition, item in target.items():
            if condition != "deprecated" or len(at) != 2:
                yield from _written(key, item, (*conditions, condition), (*at, condition))
