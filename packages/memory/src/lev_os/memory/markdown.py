"""A memory as a folder of Markdown files, one for each record with its whole history, and back; nothing is lost.

Files are those of `files:///folder`, with a number before their names: the order in which things were recorded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count
from pathlib import Path

from lev_os.core.errors import InvalidInput, LevError, Location, Problem

from .backends.files.document import read_document, write_document
from .backends.files.tree import Tree
from .types import Change


async def write_folder(pages: AsyncIterator[Sequence[Change]], folder: Path) -> int:
    """Write the records of a log into an empty folder; how many there are. Raises `LevError`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LevError(f"{folder} is there already, and not empty", help="name another folder")
    logs: dict[str, list[Change]] = {}
    async for page in pages:
        for change in page:
            logs.setdefault(change.id, []).append(change)
    tree = Tree(folder)
    for number, (id, log) in enumerate(logs.items(), 1):
        record = log[0].record
        path = tree.path(log[0].scope.tenant, "erased" if record is None else record.type, id)
        tree.write(path.with_name(f"{number:08}-{path.name}"), write_document(log))
    return len(logs)


def read_folder(folder: Path) -> Iterator[Change]:
    """The log that the files of a folder hold, in order. Raises `InvalidInput` with every file that holds no record."""
    if not folder.is_dir():
        raise LevError(f"there is no folder {folder}", help="name the folder that an export was written to")
    problems: list[Problem] = []
    found: list[tuple[object, ...]] = []
    numbers = count()
    for path in sorted(folder.rglob("*.md"), key=lambda path: (path.name, path)):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            problems.append(Problem("MEM203", "this is a link, which could lead anywhere", Location(name)))
            continue
        try:
            log = read_document(path.read_bytes(), name)
        except InvalidInput as error:
            problems += error.problems
            continue
        found += [(change.at, change.op != "put", next(numbers), change) for change in log]
    if problems:
        raise InvalidInput(problems)
    for *_, change in sorted(found):
        assert isinstance(change, Change)
        yield change
