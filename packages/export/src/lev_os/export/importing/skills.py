"""Skills that lie in a repository or a folder: each with all of its files (https://agentskills.io/specification)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .taken import Taken

__all__ = ["read", "skill_folders"]

_SKIPPED = frozenset({"node_modules", ".git", ".venv", "venv", "__pycache__", "site-packages"})


def read(path: Path) -> Taken:
    """Every skill at or below `path`; one that lies there twice (`.agents` and `.claude`) is taken once."""
    root = path if path.is_dir() else path.parent
    taken = Taken(root.resolve().name)
    seen: dict[bytes, str] = {}
    for folder in skill_folders(root):
        where = (folder / "SKILL.md").relative_to(root).as_posix()
        data = (folder / "SKILL.md").read_bytes()
        if data in seen:
            taken.note(where, f"not taken again: it is the same as {seen[data]}")
            continue
        seen[data] = where
        taken.skill(folder, where)
    return taken


def skill_folders(root: Path) -> Iterator[Path]:
    """Folders with a SKILL.md, in order; those of installed packages are somebody else's."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and not os.path.islink(os.path.join(folder, name))
        )
        skill = os.path.join(folder, "SKILL.md")
        if "SKILL.md" in files and os.path.isfile(skill) and not os.path.islink(skill):
            yield Path(folder)
