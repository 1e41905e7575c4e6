"""Where files of an export may lie: inside the output folder on every file system, and through nobody's links."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from lev_os.core.errors import LevError
from lev_os.core.packaging import path_fault

__all__ = ["Tree", "check_names"]


def check_names(paths: Iterable[str]) -> None:
    """Raise `LevError` for paths that some file system refuses, and for those it would take for one."""
    seen: dict[str, str] = {}
    for path in paths:
        if fault := path_fault(f"./{path}") or ("it holds '*'" if "*" in path else None):
            raise LevError(f"{path!r} cannot be exported: {fault}")
        for prefix in _prefixes(path):
            other = seen.setdefault(_folded(prefix), prefix)
            if other != prefix:
                raise LevError(
                    f"{other!r} and {prefix!r} differ only in case, so that many file systems take them for one",
                    help="rename one of the exports",
                )


@dataclass(slots=True)
class Tree:
    """The output folder as it is. `base` is its real path."""

    base: str
    _listed: dict[str, dict[str, str]] = field(default_factory=dict)

    def real(self, path: str) -> str:
        """The path below `base` that `path` leads to, links followed; raises `LevError` for one that leads out."""
        try:
            real = os.path.realpath(os.path.join(self.base, path))
        except (OSError, ValueError) as error:
            raise LevError(f"{path} cannot be located: {error}") from None
        if real != self.base and not real.startswith(self.base.rstrip(os.sep) + os.sep):
            raise LevError(
                f"{path} leads out of {self.base}, through a symbolic link to {real}",
                help="remove the link, or export to the folder that it points to",
            )
        return os.path.relpath(real, self.base).replace(os.sep, "/")

    def check(self, path: str) -> None:
        """Raise `LevError` if a file of another case, a folder, or a file where a folder should be stands there."""
        folder = self.base
        names = path.split("/")
        for number, name in enumerate(names, 1):
            there = self._names(folder).get(_folded(name))
            if there is None:
                return
            place = os.path.join(folder, there)
            if there != name:
                raise LevError(
                    f"{path} cannot be written beside {os.path.relpath(place, self.base)}: they differ only in case",
                    help="rename the one that is there",
                )
            folder = place
            if number < len(names) and not os.path.isdir(place):
                raise LevError(f"{path} cannot be written: {os.path.relpath(place, self.base)} is not a folder")
        if not os.path.isfile(folder):
            what = "a folder" if os.path.isdir(folder) else "something that is no file"
            raise LevError(f"{path} cannot be written: {what} is there")

    def _names(self, folder: str) -> dict[str, str]:
        """What a folder holds, by folded name; of several that fold alike, all but the last are forgotten."""
        if folder not in self._listed:
            try:
                names = os.listdir(folder)
            except (FileNotFoundError, NotADirectoryError):
                names = []
            self._listed[folder] = {_folded(name): name for name in names}
        return self._listed[folder]


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
