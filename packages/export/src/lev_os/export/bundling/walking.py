"""Which files of a folder are texts. Imports next to nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lev_os.core.errors import LevError
from lev_os.core.gitignore import NAMES, Ignored, ignored_in

SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt")
"""The files of a folder that are read; a file that is named itself may be any text."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
_DEEPEST = 100


def printable(name: str) -> str:
    """The name of a file as text; bytes in it that are not UTF-8 are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode()


def texts_below(folder: str, strange: list[tuple[str, str]] | None = None) -> Iterator[tuple[str, str]]:
    """As `files_below` of a folder that somebody works in: what git ignores there is left out.

    The folder itself is read though git ignores it. The paths are real ones.
    """
    real = os.path.realpath(folder)
    return files_below(real, ignored=ignored_in(real), strange=strange)


def files_below(
    folder: str,
    prefix: str = "",
    depth: int = 0,
    ignored: Ignored | None = None,
    strange: list[tuple[str, str]] | None = None,
) -> Iterator[tuple[str, str]]:
    """Every text below a folder: its name, as `a/b.md`, and its path. Hidden files and folders are left out.

    Links to folders are not followed. `ignored` are the patterns above the folder; without it, as in a package that is
    installed, no `.gitignore` is looked at. `strange` gets what is called like a text and is no file that can be read:
    a link that leads nowhere, a pipe. Raises `LevError` for a folder that cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        raise LevError(f"{folder} cannot be read: {error.strerror}") from None
    if ignored is not None and any(entry.name in NAMES for entry in listed):
        ignored = ignored.inside(folder)
    for entry in listed:
        name = entry.name
        if name.startswith(".") or name in _SKIPPED:
            continue
        text = name.endswith(SUFFIXES)
        is_file = text and entry.is_file()
        if text and not is_file and (strange is None or entry.is_dir()):
            continue
        if not text and not (depth < _DEEPEST and entry.is_dir(follow_symlinks=False)):
            continue
        if ignored is not None and ignored(entry.path, folder=not text):
            continue
        if is_file:
            yield prefix + name, entry.path
        elif text and strange is not None:
            strange.append((prefix + name, entry.path))
        else:
            yield from files_below(entry.path, f"{prefix}{name}/", depth + 1, ignored, strange)
