"""Memory as a folder of Markdown files: `files:///folder`. The files are the truth, and people and git may change them.

A SQLite store in `.index` makes them searchable; it may be deleted at any time and is made again. A file that cannot
be read is left alone and named in `problems`; its record stays as it was last known. With `?commit=1` each batch of
changes is a commit of git.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import msgspec
from lev_os.core.errors import LevError, Problem

from ...errors import StoreProblem
from .. import Capability
from ..sqlite import SqliteBackend
from ..sqlite.schema import problem
from ..sqlite.store import SqliteStore
from .history import History
from .mirror import Mirror, clear_away, read_files
from .tree import Tree

_KEPT: Mapping[Capability, str] = {
    "erase": "git keeps what was committed; open it without `?commit=1` to erase the files, and rewrite its history"
}


async def connect(url: str, embedder: str | None) -> SqliteBackend:
    """Open `files:///relative/folder` or `files:////absolute/folder`, with `?commit=1`; see `backends.open_backend`."""
    place, _, options = url.partition("?")
    path = unquote(place.partition("://")[2].removeprefix("/"))
    if not url.startswith("files:///") or not path or "\0" in path:
        help = "three slashes and a path: files:///memory; an absolute path makes four: files:////var/memory"
        raise LevError(f"{url!r} names no folder", help=help)
    given = dict(parse_qsl(options, keep_blank_values=True))
    if given.keys() - {"commit"} or given.get("commit", "0") not in ("0", "1"):
        help = "the one option is files:///memory?commit=1; a question mark of the path is written %3F"
        raise LevError(f"{url!r} has options that there are not: {options}", help=help)
    commits = given.get("commit") == "1"
    threads = ThreadPoolExecutor(1, "lev-memory")
    try:
        opening = asyncio.get_running_loop().run_in_executor(threads, _open, Path(path), embedder, commits)
        store, problems = await opening
    except BaseException:
        threads.shutdown()
        raise
    return SqliteBackend(store, threads, problems, _KEPT if commits else {})


def _open(root: Path, embedder: str | None, commits: bool) -> tuple[SqliteStore, list[Problem]]:
    tree, problems = Tree(root), list[Problem]()
    history = History(root, problems) if commits else None
    if history is not None:
        history.open()
    store = _indexed(tree, embedder, Mirror(tree, problems, history), problems)
    if history is not None:
        tree.ignore_index()
        history.catch_up()
    return store, problems


def _indexed(tree: Tree, embedder: str | None, mirror: Mirror, problems: list[Problem]) -> SqliteStore:
    file = str(tree.index / "memory.db")
    try:
        store = SqliteStore(file, embedder, mirror)
        problems += _read(store, tree)
    except StoreProblem as error:
        if error.retryable or not tree.index.is_dir():  # somebody uses it, or the disk is full
            raise
    else:
        return store
    # The index is damaged, and nothing in it is needed.
    for old in tree.index.glob("memory.db*"):
        old.unlink()
    store = SqliteStore(file, embedder, mirror)
    problems += _read(store, tree)
    return store


def _read(store: SqliteStore, tree: Tree) -> tuple[Problem, ...]:
    try:
        problems = read_files(store, tree)
        clear_away(store, tree)
    except (sqlite3.Error, UnicodeError, msgspec.MsgspecError) as error:
        store.close()
        raise problem(store.path, error) from None
    except BaseException:
        store.close()
        raise
    return problems
