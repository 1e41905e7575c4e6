"""Which packages there are: installed, editable, of a uv workspace, and wheels that ship skills. Imports nothing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import _index
from ._scan import Found, scan_project, workspace_root
from .manifest import FILE_NAME
from .package import Package

GROUP = "lev_os.packages"
"""The entry-point group that announces a package."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Packages by name, broken ones with their `error`; `warnings` says what was looked at and could not be used.

    Which packages there are can only change when one of the files and folders in `sources` does.
    """

    packages: tuple[Package, ...]
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Package:
        for package in self.packages:
            if package.name == name:
                return package
        raise KeyError(name)


def discover(paths: Sequence[str] | None = None) -> Discovery:
    """Every package among `paths`: site-packages folders, virtual environments, projects or package folders.

    Without `paths`: `sys.path` of this interpreter and the uv workspace around the current folder. For the
    environment of a project that another interpreter looks at, pass `environment_paths()`. Results come from a
    cached index that is rebuilt when anything it was made from has changed.
    """
    found, warnings, sources = _index.lookup(tuple(_default_paths() if paths is None else map(os.fspath, paths)))
    return Discovery(tuple(_package(item) for item in found), tuple(warnings), tuple(sources))


def environment_paths(project: str | os.PathLike[str] | None = None, *, python: str | None = None) -> tuple[str, ...]:
    """What `discover` should look at for the project around `project` (default: the current folder).

    The site-packages of `python`'s environment or of the project's `.venv`, and its workspace; this
    interpreter's own path when the project has no environment.
    """
    start = Path(project or Path.cwd()).absolute()
    homes = (
        [Path(python).absolute().parent.parent] if python else [folder / ".venv" for folder in (start, *start.parents)]
    )
    for home in homes:
        sites = site_packages(home)
        if sites:
            root = workspace_root(start)
            return (*map(str, sites), *([str(root)] if root else []))
    return tuple(_default_paths())


def site_packages(home: Path) -> list[Path]:
    """The site-packages folders of a virtual environment."""
    posix = sorted((home / "lib").glob("python3*/site-packages")) if (home / "lib").is_dir() else []
    windows = home / "Lib" / "site-packages"
    return [*posix, *([windows] if not posix and windows.is_dir() else [])]


def find_installed(name: str, paths: Collection[str] | None = None) -> Package | None:
    """The package of that import name: beside `sys.path` when `paths` is None, else by discovery."""
    if paths is None:
        relative = name.replace(".", os.sep)
        for base in sys.path:
            root = os.path.join(base or os.getcwd(), relative)
            if os.path.isfile(os.path.join(root, FILE_NAME)):
                return _with_version(Package(name, Path(root), "path"))
    packages = discover(None if paths is None else tuple(paths)).packages
    return next((package for package in packages if package.name == name), None)


def _with_version(package: Package) -> Package:
    """The package as discovery knows it, with version, source and skills; itself if it is not installed."""
    for known in discover().packages:
        if known.name == package.name and known.root == package.root:
            return known
    return package


def find_distribution(name: str, paths: Collection[str] | None = None) -> Package | None:
    """The package that is installed as the distribution `name` (compared as PEP 503 does)."""

    def normal(text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).lower()

    packages = discover(None if paths is None else tuple(paths)).packages
    return next(
        (found for found in packages if found.distribution and normal(found.distribution) == normal(name)), None
    )


def packages_of_project(path: Path) -> list[Package]:
    """The packages of one project folder: in `src/` or directly below it."""
    return [_package(item) for item in scan_project(str(path))]


def _package(item: Found) -> Package:
    return Package(
        item.name,
        item.root,
        item.source,
        item.version,
        distribution=item.distribution,
        skills=item.skills,
        fault=item.error,
    )


def _default_paths() -> Iterable[str]:
    seen = dict.fromkeys(os.path.abspath(entry) if entry else os.getcwd() for entry in sys.path)
    yield from seen
    root = workspace_root(Path.cwd())
    if root is not None:
        yield str(root)
