"""The folder that holds the files: names that stay inside it, whole files or none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISLNK

from lev_os.core.errors import LevError

from ...errors import StoreProblem

INDEX = ".index"
_UNFINISHED = re.compile(r"\..+\.md\.\d+\.tmp")
_PLAIN = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)\Z)[a-z0-9_-]{1,64}", re.ASCII)


class Tree:
    """`TENANT/TYPE/ID.md` below a root. Links are neither followed nor written through."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / INDEX
        self.unfinished: list[Path] = []
        """What the last look at the `files` found of writes that have not ended, or never will."""

    def path(self, tenant: str, kind: str, id: str) -> Path:
        """Where a record lies; a name that is not plain becomes its digest."""
        return self.root / _name(tenant) / kind / f"{_name(id)}.md"

    def ignore_index(self) -> None:
        """Let git leave the index alone."""
        self.write(self.index / ".gitignore", b"*\n")

    def files(self) -> Iterator[tuple[str, int, int]]:
        """Every Markdown file two folders down: relative path, time of change in nanoseconds, size."""
        self.unfinished = []
        for tenant in _folders(self.root):
            for kind in _folders(tenant.path):
                with os.scandir(kind.path) as entries:
                    for entry in entries:
                        if entry.name.endswith(".md") and entry.is_file(follow_symlinks=False):
                            state = entry.stat(follow_symlinks=False)
                            path = os.path.relpath(entry.path, self.root)
                            yield path, state.st_mtime_ns, state.st_size
                        elif _UNFINISHED.fullmatch(entry.name):
                            self.unfinished.append(Path(entry.path))

    def strays(self) -> Iterator[str]:
        """Markdown files above where records lie, but for those that say what a folder is: README.md, AGENTS.md."""
        for folder in (self.root, *(Path(tenant) for tenant in _folders(self.root))):
            for path in sorted(folder.glob("*.md")):
                if path.is_file() and not path.stem.isupper():
                    yield str(path.relative_to(self.root))

    def write(self, path: Path, data: bytes) -> os.stat_result:
        """Replace a file in one step."""
        self._stay_inside(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            help = "make room on the disk; nothing was changed"
            raise StoreProblem(f"{path} cannot be written: {error.strerror}", help=help) from None
        return path.lstat()

    def remove(self, path: Path) -> None:
        """Delete a file, if it is there."""
        self._stay_inside(path)
        path.unlink(missing_ok=True)

    def _stay_inside(self, path: Path) -> None:
        """No folder on the way may be a link: it could lead anywhere."""
        for folder in (path.parent.parent, path.parent):
            try:
                state = folder.lstat()
            except FileNotFoundError:
                return
            if S_ISLNK(state.st_mode):
                raise LevError(f"{folder} is a link, which could lead out of the memory", help="put a folder there")


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else "~" + hashlib.sha256(name.encode()).hexdigest()[:32]


def _folders(path: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        found = [entry for entry in entries if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
    return sorted(found, key=lambda entry: entry.name)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
