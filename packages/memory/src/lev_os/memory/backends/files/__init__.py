"""Memory as a folder of Markdown files: `files:///folder`. The files are the truth, and people and git may change them.

A SQLite store in `.index` makes them searchable; it may be deleted at any time and is made again. A file that cannot
be read is left alone and named in `problems`; its record stays as it was last known.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import msgspec
from lev_os.core.errors import LevError, Problem

from ...errors import StoreProblem
from ..sqlite import SqliteBackend
from ..sqlite.schema import problem
from ..sqlite.store import SqliteStore
from .mirror import Mirror, read_files
from .tree import Tree


async def connect(url: str, embedder: str | None) -> SqliteBackend:
    """Open `files:///relative/folder` or `files:////absolute/folder`; see `backends.open_backend`."""
    path = unquote(url.partition("://")[2].removeprefix("/"))
    if not url.startswith("files:///") or not path or "\0" in path:
        help = "three slashes and a path: files:///memory; an absolute path makes four: files:////var/memory"
        raise LevError(f"{url!r} names no folder", help=help)
    threads = ThreadPoolExecutor(1, "lev-memory")
    try:
        store, problems = await asyncio.get_running_loop().run_in_executor(threads, _open, Path(path), embedder)
    except BaseException:
        threads.shutdown()
        raise
    return SqliteBackend(store, threads, problems)


def _open(root: Path, embedder: str | None) -> tuple[SqliteStore, tuple[Problem, ...]]:
    tree = Tree(root)
    file = str(tree.index / "memory.db")
    try:
        store = SqliteStore(file, embedder, Mirror(tree))
        return store, _read(store, tree)
    except StoreProblem as error:
        if error.retryable or not tree.index.is_dir():  # somebody uses it, or the disk is full
            raise
    # The index is damaged, and nothing in it is needed.
    for old in tree.index.glob("memory.db*"):
        old.unlink()
    store = SqliteStore(file, embedder, Mirror(tree))
    return store, _read(store, tree)


def _read(store: SqliteStore, tree: Tree) -> tuple[Problem, ...]:
    try:
        return read_files(store, tree)
    except (sqlite3.Error, UnicodeError, msgspec.MsgspecError) as error:
        store.close()
        raise problem(store.path, error) from None
    except BaseException:
        store.close()
        raise
