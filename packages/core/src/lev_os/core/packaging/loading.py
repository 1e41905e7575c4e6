"""From a name or a path to a package."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from ..errors import InvalidInput, LevError, Location, Problem
from ._files import locate, read_text
from .manifest import FILE_NAME, MAX_MANIFEST
from .package import Package, PackageNotFound
from .specifiers import is_import_name, parse_specifier


def load_package(name_or_path: str | os.PathLike[str], *, paths: Collection[str] | None = None) -> Package:
    """A package by its import name, or by the path of its folder, its `lev.toml`, or its project.

    A name is looked up on `sys.path` first, then among everything that `discover` finds.
    Raises `PackageNotFound`, or `InvalidInput` with every problem of its manifest.
    """
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and is_import_name(text):
        from .discovery import find_installed

        package = find_installed(text, paths)
        if package is None:
            package = _at(Path(text))
    elif isinstance(name_or_path, str) and os.sep not in text and not os.path.exists(text):
        parse_specifier(text)
        package = None
    else:
        package = _at(Path(text))
    if package is None:
        raise PackageNotFound(f"there is no package {text!r}", help=_hint(text))
    package.manifest  # noqa: B018  # raises what is wrong with it
    return package


def _hint(text: str) -> str:
    if "/" in text or os.sep in text:
        return f"looked for {FILE_NAME} in {text} and in its src/*/"
    return f"install it, or run where its project is; a package has {FILE_NAME} beside its __init__.py"


def _at(path: Path) -> Package | None:
    """The package in a folder: the folder itself, or the only one in its `src/` or directly below."""
    try:
        path = path.absolute()
        if path.name == FILE_NAME:
            path = path.parent
        if (path / FILE_NAME).is_file():
            return Package(import_name(path), path, "path")
        from .discovery import packages_of_project

        found = packages_of_project(path)
    except (OSError, ValueError):
        return None
    if len(found) > 1:
        names = ", ".join(sorted(package.name for package in found))
        place = Location(str(path))
        raise InvalidInput(
            [Problem("MAN301", f"there are {len(found)} packages here: {names}", place, "name one of them")]
        )
    return found[0] if found else None


def import_name(root: Path) -> str:
    """The name under which the folder `root` is imported: with its parents up to one on `sys.path`, or `src`.

    A namespace package's folders hold no `__init__.py`, so the manifest's own `name` decides where it fits.
    """
    claimed = _claimed_name(root)
    if claimed:
        parts = claimed.split(".")
        if list(root.parts[-len(parts) :]) == parts:
            return claimed
    return root.name


def _claimed_name(root: Path) -> str | None:
    import tomllib

    try:
        value = tomllib.loads(read_text(locate(root, f"./{FILE_NAME}"), limit=MAX_MANIFEST)).get("name")
    except (LevError, ValueError, RecursionError):
        return None
    return value if isinstance(value, str) and is_import_name(value) else None
