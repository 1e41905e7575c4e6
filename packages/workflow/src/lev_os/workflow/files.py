"""Results over 1 MiB: a file on the machine that made them, and a row for every other machine that needs them."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .database import files

if TYPE_CHECKING:
    from .database import Database

VARIABLE = "LEV_FILES_DIR"


def files_folder() -> Path:
    """Where results are kept, the same on every machine: a value names its file by its path."""
    given = os.environ.get(VARIABLE)
    return Path(given).absolute() if given else Path("/var/tmp") / f"lev-files-{os.getuid()}"


class FileStore:
    """The files of runs: below `root`, one folder for each run, and in the database."""

    def __init__(self, database: Database, root: Path) -> None:
        self._database = database
        self._root = root

    def folder(self, run: str) -> Path:
        """Where the results of a run are kept."""
        return self._root / run

    async def keep(self, run: str, value: Any) -> None:
        """Put a result that has become a file into the database."""
        for path in references(value):
            if path.is_relative_to(self._root):
                await asyncio.to_thread(self._keep, run, path)

    async def fetch(self, request: Any) -> None:
        """Write every file that a request refers to and that is not on this machine."""
        for path in references(request):
            if path.is_relative_to(self._root) and not path.exists():
                await asyncio.to_thread(self._fetch, path)

    def _keep(self, run: str, path: Path) -> None:
        row = {"run": run, "name": path.name, "data": path.read_bytes()}
        with self._database.begin() as connection:
            known = connection.execute(
                sa.select(files.c.name).where(files.c.run == run, files.c.name == path.name)
            ).first()
            if known is None:
                connection.execute(sa.insert(files).values(**row))

    def _fetch(self, path: Path) -> None:
        run = path.relative_to(self._root).parts[0]
        with self._database.begin() as connection:
            data = connection.execute(
                sa.select(files.c.data).where(files.c.run == run, files.c.name == path.name)
            ).scalar()
        if data is None:
            return  # the tool says that the file is not there
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)


def references(value: Any) -> Iterator[Path]:
    """The files that a JSON value refers to."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            path = item.get("$file")
            if isinstance(path, str) and "digest" in item:
                yield Path(path)
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
