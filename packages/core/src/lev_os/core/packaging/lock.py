"""`lev.lock`: what a project has fixed. Each table has one owner, who leaves the others as they are.

`[approved]` holds the digests of contexts that a person has read, `[bundle.…]` what a model will see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import LevError
from ..writing import replace

LOCK = "lev.lock"


def lock_of(folder: Path) -> Path:
    """The `lev.lock` that holds for a folder: the nearest one upwards, else where it would be written."""
    places = lock_places(folder)
    return next((lock for lock in places if lock.is_file()), places[-1])


def lock_places(folder: Path) -> tuple[Path, ...]:
    """Where the lock of a folder may lie, the nearest first, up to the root of its project."""
    from ..bidirectional.places import project_root

    above = (folder, *folder.parents)
    return tuple(place / LOCK for place in above[: above.index(project_root(folder)) + 1])


def read_lock(path: Path) -> Mapping[str, Any]:
    """The tables of a lock; none without the file. Raises `LevError` for a file that cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
        import tomllib  # most projects have no lock, and need not load it

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise LevError(f"{path}: {error}", help="restore it, or delete it and write it anew") from None


def replace_table(path: Path, name: str, lines: str, note: str = "") -> None:
    """Write the table `[name]`, in one step; all other lines of the file stay as they are.

    `lines` are its keys, none of which begins with `[`. Raises `LevError` when the file is no TOML, `OSError`.
    """
    read_lock(path)
    section = f"[{name}]{f' # {note}' if note else ''}\n{lines}"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    table = re.compile(rf"(?ms)^\[{re.escape(name)}\][^\n]*\n.*?(?=^\[|\Z)")
    if table.search(text):
        text = table.sub(lambda old: section + ("\n" if text[old.end() :] else ""), text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{section}" if text.strip() else section
    replace(path, text.encode())
