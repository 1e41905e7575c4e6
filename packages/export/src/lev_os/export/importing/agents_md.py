"""AGENTS.md and its kin (https://agents.md): each file a context; one below the root says which files it is about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..writing.blocks import split
from .apm import _globs
from .taken import Head, Taken, head_of

__all__ = ["read"]

_NAMES = frozenset({"AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursorrules", ".windsurfrules", "copilot-instructions.md"})
_SKIPPED = frozenset({"node_modules", ".git", ".venv", "venv", "__pycache__", "site-packages", "build", "dist"})
_ENDS = (".instructions.md", ".mdc")


def read(path: Path) -> Taken:
    """The instructions of a repository, or one file of them. What `lev export` wrote into them is left out."""
    root = path if path.is_dir() else path.parent
    taken = Taken(root.resolve().name)
    seen: dict[str, str] = {}
    for file in [path] if path.is_file() else list(_files(root)):
        where = file.relative_to(root).as_posix()
        head = head_of(file, taken, where)
        if head is None:
            continue
        if split(file.read_bytes(), where).block is not None:
            taken.note(where, "the block of `lev export` in it is not taken")
        body = re.sub(r"(?ms)^<!-- lev export: begin\b.*?^<!-- lev export: end\b[^\n]*-->\n?", "", head.body)
        if not body.strip():
            continue
        if body in seen:
            taken.note(where, f"not taken again: it says the same as {seen[body]}")
            continue
        seen[body] = where
        folder = file.parent.relative_to(root).as_posix()
        globs = _globs(head) or _cursor(head.data.get("globs"))
        if not globs and file.name in _NAMES and not folder.startswith("."):
            globs = [f"{folder}/**"]
        description = str(head.data.get("description") or _described(where))
        metadata = {"lev-applies-to": " ".join(globs), "lev-priority": "70" if folder == "." else ""}
        taken.context(_name(where), body, Head(description, metadata=metadata), where)
    return taken


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and not os.path.islink(os.path.join(folder, name))
        )
        for name in sorted(files):
            place = Path(folder, name)
            if (name in _NAMES or name.endswith(_ENDS)) and place.is_file() and not place.is_symlink():
                yield place


def _name(where: str) -> str:
    """`src/api/AGENTS.md` is `src-api-agents`."""
    for end in (*_ENDS, ".md"):
        where = where.removesuffix(end)
    return re.sub(r"^\.(github|cursor)/(instructions|rules)?", "", where).replace("/", "-")


def _described(where: str) -> str:
    folder = os.path.dirname(where)
    about = f"the files below {folder}" if folder and not folder.startswith(".") else "this repository"
    return f"How to work on {about}."


def _cursor(value: object) -> list[str]:
    texts = value if isinstance(value, list) else str(value or "").split(",")
    return [text.strip() for text in map(str, texts) if text.strip()]
