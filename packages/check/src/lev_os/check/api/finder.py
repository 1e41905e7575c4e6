"""Where modules lie: the project's own source, its site-packages, editable installs, and the standard library."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import msgspec

_COMPILED = (".so", ".pyd")


class Source(msgspec.Struct, frozen=True):
    """Where a module is. `path` is its source or stub, and nothing when only a compiled file or a folder is there.

    `folders` are those that its submodules lie in; empty for a plain module. `beside` is the source of a stub.
    """

    name: str
    path: str = ""
    folders: tuple[str, ...] = ()
    beside: str = ""
    compiled: bool = False

    @property
    def is_package(self) -> bool:
        """Whether it has submodules."""
        return bool(self.folders)


class Finder(msgspec.Struct, dict=True):
    """Looks modules up as Python would, by reading folders; each folder is listed once."""

    paths: tuple[str, ...]
    """The project's own source folders, then its site-packages."""
    _listed: dict[str, dict[str, bool]] = msgspec.field(default_factory=dict)
    _compiled: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    _found: dict[str, Source | None] = msgspec.field(default_factory=dict)
    _installed: dict[str, bool] = msgspec.field(default_factory=dict)

    @cached_property
    def _search(self) -> tuple[str, ...]:
        more = [extra for path in self.paths for extra in _linked(path, self._names(path))]
        return tuple(dict.fromkeys([*self.paths, *more]))

    @cached_property
    def _mapped(self) -> dict[str, str]:
        return {name: folder for path in self.paths for name, folder in _editable(path, self._names(path))}

    @cached_property
    def tops(self) -> frozenset[str]:
        """Every name that a top package or module might have."""
        names = (name.partition(".")[0] for folder in self._search for name in self._names(folder))
        return frozenset(names) | self._mapped.keys()

    def find(self, name: str) -> Source | None:
        """Where the module is; None when there is none."""
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def is_installed(self, name: str) -> bool:
        """Whether a top name is a package that is installed, or the project's own, and no part of Python."""
        known = self._installed.get(name)
        if known is None:
            source = self.find(name) if name in self.tops and not self.is_standard(name) else None
            known = self._installed[name] = source is not None and source.is_package
        return known

    def is_standard(self, name: str) -> bool:
        """Whether a module is part of Python."""
        return name.partition(".")[0] in sys.stdlib_module_names

    def submodules(self, name: str) -> list[str]:
        """The names of the modules directly below a package, private ones too."""
        source = self.find(name)
        found: set[str] = set()
        for folder in source.folders if source else ():
            for entry, is_folder in self._names(folder).items():
                stem = entry.partition(".")[0]
                if (
                    stem.isidentifier()
                    and stem != "__init__"
                    and (is_folder or entry.endswith((".py", ".pyi", *_COMPILED)))
                ):
                    found.add(stem)
        return sorted(found - {"__pycache__"})

    def rests_on(self) -> list[str]:
        """The files and folders that answers came from, without Python's own."""
        known = os.path.join(_standard_library(), "")
        found = [path for source in self._found.values() if source for path in (source.path, source.beside) if path]
        return [path for path in (*self._listed, *found) if not os.path.join(path, "").startswith(known)]

    def _look(self, name: str) -> Source | None:
        parent, _, last = name.rpartition(".")
        if parent:
            above = self.find(parent)
            return self._within(name, last, above.folders) if above is not None else None
        if name in self._mapped:
            folder = self._mapped[name]
            return self._within(name, os.path.basename(folder).partition(".")[0], (os.path.dirname(folder),))
        found = self._within(name, last, self._search)
        if (found is None or not found.path) and name in sys.stdlib_module_names:
            return self._within(name, last, (_standard_library(),)) or Source(name, compiled=True)
        return found

    def _within(self, name: str, last: str, folders: Iterable[str]) -> Source | None:
        portions: list[str] = []
        for folder in folders:
            names = self._names(folder)
            if names.get(last):
                inner = os.path.join(folder, last)
                inside = self._names(inner)
                source = next((each for each in ("__init__.pyi", "__init__.py") if each in inside), "")
                if source:
                    beside = os.path.join(inner, "__init__.py") if source[-1] == "i" and "__init__.py" in inside else ""
                    return Source(name, os.path.join(inner, source), (inner,), beside)
                if any(each.startswith("__init__.") and each.endswith(_COMPILED) for each in inside):
                    return Source(name, folders=(inner,), compiled=True)
                portions.append(inner)
            if f"{last}.pyi" in names:
                beside = os.path.join(folder, f"{last}.py") if f"{last}.py" in names else ""
                return Source(name, os.path.join(folder, f"{last}.pyi"), (), beside)
            if f"{last}.py" in names:
                return Source(name, os.path.join(folder, f"{last}.py"))
            if last in self._compiled_in(folder):
                return Source(name, compiled=True)
        return Source(name, folders=tuple(portions)) if portions else None

    def _compiled_in(self, folder: str) -> frozenset[str]:
        """The names of the compiled modules in a folder."""
        if folder not in self._compiled:
            self._compiled[folder] = frozenset(
                each.partition(".")[0] for each in self._names(folder) if each.endswith(_COMPILED)
            )
        return self._compiled[folder]

    def _names(self, folder: str) -> dict[str, bool]:
        """What a folder holds, and which of it are folders; nothing for one that cannot be read."""
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    self._listed[folder] = {entry.name: entry.is_dir() for entry in entries}
            except OSError:
                self._listed[folder] = {}
        return self._listed[folder]


def _standard_library() -> str:
    return sysconfig.get_path("stdlib")


def _linked(path: str, names: Iterable[str]) -> Iterator[str]:
    """The folders that the `.pth` files of a site-packages add: how most editable installs work."""
    for name in sorted(names):
        if name.endswith(".pth"):
            for line in _lines(os.path.join(path, name)):
                if line and not line.startswith(("#", "import ", "import\t")):
                    yield os.path.normpath(os.path.join(path, line))


def _editable(path: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The packages that setuptools' editable finders map to folders: a literal table in a generated module."""
    for name in sorted(names):
        if name.startswith("__editable___") and name.endswith("_finder.py"):
            for line in _lines(os.path.join(path, name)):
                if line.startswith("MAPPING") and "=" in line:
                    try:
                        table = ast.literal_eval(line.partition("=")[2].strip())
                    except (SyntaxError, ValueError):
                        continue
                    if isinstance(table, dict):
                        yield from ((key, str(value)) for key, value in table.items() if isinstance(key, str))


def _lines(path: str) -> list[str]:
    try:
        return [line.strip() for line in Path(path).read_text("utf-8", "replace").splitlines()]
    except OSError:
        return []
