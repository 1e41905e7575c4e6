"""Installed distributions: which one a module came with, and in which version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import msgspec

from ..patterns import Pattern

_FOLDER = Pattern(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.dist-info\Z")
_PROJECT_NAME = Pattern(r'^\[project\][^\[]*?^name\s*=\s*["\']([^"\']+)["\']', re.MULTILINE | re.DOTALL)


class Distribution(msgspec.Struct, frozen=True):
    """`name` as it is written on an index; `folder` its metadata."""

    name: str
    version: str
    folder: str


def normalised(name: str) -> str:
    """A distribution's name as comparisons see it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Distributions(msgspec.Struct, dict=True):
    """The distributions in some site-packages."""

    paths: tuple[str, ...]
    _of: dict[str, Distribution | None] = msgspec.field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Distribution]:
        """Every distribution, by its normalised name; the first path wins, as in Python."""
        found: dict[str, Distribution] = {}
        for path in self.paths:
            for entry in _entries(path):
                if match := _FOLDER.match(entry):
                    name = normalised(match["name"])
                    found.setdefault(name, Distribution(name, match["version"], os.path.join(path, entry)))
        return found

    def of_module(self, module: str) -> Distribution | None:
        """The distribution that a module came with, by its list of files; None for one that none lists."""
        if module not in self._of:
            self._of[module] = self._find(module)
        return self._of[module]

    def _find(self, module: str) -> Distribution | None:
        folder = module.replace(".", "/")
        likely = self.by_name.get(normalised(module.partition(".")[0]))
        ordered: Iterable[Distribution] = self.by_name.values()
        if likely is not None:
            ordered = [likely, *(each for each in ordered if each is not likely)]
        pattern = re.compile(rf"^{re.escape(folder)}(?:/__init__)?\.(?:pyi?,|[^/]*so,|[^/]*pyd,)", re.MULTILINE)
        for distribution in ordered:
            listing = _read(os.path.join(distribution.folder, "RECORD"))
            if pattern.search(listing) or f"\n{folder}/" in f"\n{listing}":
                return distribution
        return None


def _entries(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""
