"""Which files of a folder are texts. Imports next to nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lev_os.core.errors import LevError

SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt")
"""The files of a folder that are read; a file that is named itself may be any text."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
_DEEPEST = 100


def printable(name: str) -> str:
    """The name of a file as text; bytes in it that are not UTF-8 are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode()


def files_below(folder: str, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text below a folder: its name, as `a/b.md`, and its path. Hidden files and folders are left out.

    Links to folders are not followed. Raises `LevError` for a folder that cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        raise LevError(f"{folder} cannot be read: {error.strerror}") from None
    for entry in listed:
        name = entry.name
        if name.startswith(".") or name in _SKIPPED:
            continue
        if name.endswith(SUFFIXES):
            if entry.is_file():
                yield prefix + name, entry.path
        elif depth < _DEEPEST and entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path, f"{prefix}{name}/", depth + 1)
