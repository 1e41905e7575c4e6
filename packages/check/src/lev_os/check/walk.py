"""Which files a check looks at, and what each of them is."""

from __future__ import annotations

import os
from collections.abc import Iterable

import msgspec
from lev_os.core.gitignore import NAMES, Ignored, ignored_in
from msgspec import Struct, field

from .kinds import kind_of, kind_of_named

MANIFEST = "lev.toml"
_EXPORTED = "lev-export.lock"
"""What `lev export` leaves in a folder: it names the files that it wrote there."""
_SKIPPED = frozenset(
    {"node_modules", "__pycache__", "site-packages", ".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox",
     ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tools", ".lev", ".idea"}
)  # fmt: skip
_OUTPUTS = frozenset({"build", "dist"})
"""Skipped too, except where a skill may be called so."""
_MAX_DEPTH = 100
NOT_UTF8 = "its name is not UTF-8"
"""Why a path is not checked that no report could name."""


class Found(Struct, frozen=True):
    """A file to check. `named`: it was given itself, not found in a folder."""

    path: str
    kind: str
    named: bool = False


class _Exported(Struct):
    """As much of a `lev-export.lock` as says which files are copies."""

    files: dict[str, msgspec.Raw]


class Walk(Struct):
    """What lies under the paths that were given; all paths are absolute."""

    files: list[Found] = field(default_factory=list)
    packages: dict[str, None] = field(default_factory=dict)
    """The folders of packages: those found, and those that what was given lies in."""
    not_checked: list[tuple[str, str]] = field(default_factory=list)
    """Paths and reasons."""
    missing: list[str] = field(default_factory=list)
    """Paths that were given and are not there."""
    rests_on: list[str] = field(default_factory=list)
    """The folders that were listed and the files that said what to leave out: what a second walk depends on."""


def walk(paths: Iterable[str], excluded: Ignored | None = None) -> Walk:
    """Find what to check under `paths` (files and folders), each file once, in the order of their names.

    `excluded` are patterns of the user's own besides those of `.gitignore` files.
    """
    found = Walk()
    seen: set[str] = set()
    for path in paths:
        if not is_text(path):
            found.not_checked.append((path, NOT_UTF8))
            continue
        if os.path.isdir(path):
            ignored = ignored_in(path)
            found.rests_on += ignored.sources
            if excluded is not None:
                ignored = Ignored((*ignored.stack, *excluded.stack), ignored.sources)
            _folder(path, tuple(path.split(os.sep)), ignored, found, seen, 0)
        elif os.path.lexists(path):
            _named(path, found, seen)
        else:
            found.missing.append(path)
            continue
        if (package := package_around(path)) is not None:
            found.packages.setdefault(package)
    return found


def package_around(path: str) -> str | None:
    """The folder of the package that a file or folder lies in: the nearest one above it with its own `lev.toml`."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    while not os.path.isfile(manifest := os.path.join(folder, MANIFEST)) or exported_by(manifest):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def exported_by(path: str) -> str | None:
    """The `lev-export.lock` that says that `lev export` wrote a file: an npm twin holds a copy of a manifest, and the
    package is elsewhere."""
    above = os.path.dirname(path)
    while not os.path.isfile(lock := os.path.join(above, _EXPORTED)):
        below, above = above, os.path.dirname(above)
        if above == below:
            return None
    try:
        with open(lock, "rb") as stream:
            made = msgspec.json.decode(stream.read(), type=_Exported)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return lock if os.path.relpath(path, above).replace(os.sep, "/") in made.files else None


def _folder(folder: str, parents: tuple[str, ...], ignored: Ignored, found: Walk, seen: set[str], depth: int) -> None:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.not_checked.append((folder, (error.strerror or type(error).__name__).lower()))
        return
    found.rests_on.append(folder)
    if any(entry.name in NAMES for entry in listed):
        above, ignored = ignored, ignored.inside(folder)
        found.rests_on += ignored.sources[len(above.sources) :]
    folders: list[str] = []
    for entry in listed:
        name = entry.name
        kind = kind_of(name, parents)
        if not is_text(name):
            if kind is not None or _is_folder(entry):
                found.not_checked.append((entry.path, NOT_UTF8))
        elif _is_folder(entry):
            if not _skipped(name, parents):
                folders.append(entry.path)
        elif kind is not None and not (ignored.stack and ignored(entry.path, folder=False)):
            _take(entry.path, kind, found, seen, link=entry.is_symlink())
    for path in folders:
        if ignored.stack and ignored(path, folder=True):
            continue
        if depth == _MAX_DEPTH:
            found.not_checked.append((path, f"it is more than {_MAX_DEPTH} folders deep"))
            continue
        _folder(path, (*parents, os.path.basename(path)), ignored, found, seen, depth + 1)


def is_text(name: str) -> bool:
    """Whether a path is UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _skipped(name: str, parents: tuple[str, ...]) -> bool:
    return name in _SKIPPED or (name in _OUTPUTS and (not parents or parents[-1] != "skills"))


def _take(path: str, kind: str, found: Walk, seen: set[str], *, named: bool = False, link: bool = False) -> None:
    real = os.path.realpath(path) if link else path
    if real in seen:
        return
    seen.add(real)
    if kind == "manifest":
        if (lock := exported_by(path)) is not None:
            found.rests_on.append(lock)
            if named:
                found.not_checked.append((path, "`lev export` wrote it: check the package that it is a copy of"))
            return
        found.packages.setdefault(os.path.dirname(path))
    found.files.append(Found(path, kind, named))


def _named(path: str, found: Walk, seen: set[str]) -> None:
    name = os.path.basename(path)
    kind = kind_of(name, path.split(os.sep)[:-1]) or kind_of_named(name)
    if kind is None:
        found.not_checked.append((path, "no rule is about files like this one"))
    else:
        _take(path, kind, found, seen, named=True, link=os.path.islink(path))
