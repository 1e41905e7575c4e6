"""AGENTS.md and its kin (https://agents.md): each file a context; one below the root says which files it is about.

A line `@AGENTS.md`, with which Claude Code reads another file (https://code.claude.com/docs/en/memory), becomes
`lev-requires` where that file is taken too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lev_os.core.contexts.markdown import read_layout

from ..targets._parts import kebab
from ..writing.blocks import split
from .apm import _globs
from .taken import Head, Taken, head_of

__all__ = ["read"]

_NAMES = frozenset({"AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursorrules", ".windsurfrules", "copilot-instructions.md"})
_SKIPPED = frozenset({"node_modules", ".git", ".venv", "venv", "__pycache__", "site-packages", "build", "dist"})
_IMPORT = re.compile(r"^@(\S+\.md)[ \t]*(?:\n|\Z)|(?<!\S)@(\S+\.md)\b", re.MULTILINE)
"""Of a file, alone on its line or within one."""
_ENDS = (".instructions.md", ".mdc")


def read(path: Path) -> Taken:
    """The instructions of a repository, or one file of them. What `lev export` wrote into them is left out."""
    root = path if path.is_dir() else path.parent
    taken = Taken(root.resolve().name)
    seen: dict[str, str] = {}
    files = [path] if path.is_file() else list(_files(root))
    among = {os.path.normpath(file): file.relative_to(root).as_posix() for file in files}
    for file in files:
        where = file.relative_to(root).as_posix()
        head = head_of(file, taken, where)
        if head is None:
            continue
        if split(file.read_bytes(), where).block is not None:
            taken.note(where, "the block of `lev export` in it is not taken")
        body = re.sub(r"(?ms)^<!-- lev export: begin\b.*?^<!-- lev export: end\b[^\n]*-->\n?", "", head.body)
        body, requires = _imports(body, file, among, taken, where)
        if not body.strip():
            if requires:
                taken.note(where, "not taken: it says no more than what it imports")
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
        metadata = {
            "lev-applies-to": " ".join(globs),
            "lev-priority": "70" if folder == "." else "",
            "lev-requires": " ".join(requires),
        }
        taken.context(_name(where), body, Head(description, metadata=metadata), where)
    return taken


def _imports(body: str, file: Path, among: Mapping[str, str], taken: Taken, where: str) -> tuple[str, list[str]]:
    """The body without lines that import files of `among`, and those as specifiers; of other imports it is told."""
    if "@" not in body:
        return body, []
    code = read_layout(body).code
    requires: dict[str, None] = {}

    def replaced(found: re.Match[str]) -> str:
        at = len(body[: found.start()].encode())
        if any(start <= at < stop for start, stop in code):
            return found[0]
        target = found[1] or found[2]
        other = among.get(os.path.normpath(file.parent / target))
        if other is None:
            taken.note(where, f"`@{target}` stays as it is, and nothing reads that file: it is not taken")
            return found[0]
        requires[f"./contexts/{kebab(_name(other))}"] = None
        return "" if found[1] else found[0]

    return _IMPORT.sub(replaced, body), [*requires]


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
