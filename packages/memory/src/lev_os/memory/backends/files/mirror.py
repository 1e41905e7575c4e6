"""Keeps the files and the index of one folder the same: every change goes to the files first, under the index's lock.

What an interrupted write left behind is in the files, and so is what people and git do to them. Opening the folder
finds both: files that are not as the index remembers them are read again.
"""

from __future__ import annotations

import sqlite3

from lev_os.core.errors import InvalidInput, Location, Problem

from ...types import Change
from ..sqlite.schema import OPERATIONS
from ..sqlite.store import SqliteStore
from .document import read_document, write_document
from .history import History, keeps
from .tree import Tree

_TABLE = """
CREATE TABLE IF NOT EXISTS file (
  path TEXT PRIMARY KEY, id TEXT NOT NULL, tenant TEXT NOT NULL, changed INTEGER NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID
"""
_NOTE = "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)"


class Mirror:
    """Writes what a store is about to commit to the files of a tree. See `sqlite.store.Mirror`."""

    def __init__(self, tree: Tree, problems: list[Problem], history: History | None = None) -> None:
        self._tree = tree
        self._problems = problems
        self._history = history
        self._written: list[str] = []

    def write(self, store: SqliteStore, after: int) -> None:
        """Write the files of records that were changed after a cursor; raises `StoreProblem`."""
        self._written = []
        paths: dict[tuple[str, int], str] = {}
        gone: list[str] = []
        entries = store.db.execute(
            "SELECT id, space, op FROM log WHERE cursor > ? ORDER BY cursor", (after,)
        ).fetchall()
        for id, space in dict.fromkeys(entry[:2] for entry in entries):
            changes = store.log_of(id, space)
            tenant, record = changes[0].scope.tenant, changes[0].record
            path = self._tree.path(tenant, "erased" if record is None else record.type, id)
            relative = str(path.relative_to(self._tree.root))
            state = self._tree.write(path, write_document(changes))
            self._written.append(relative)
            before = "SELECT path FROM file WHERE id = ? AND tenant = ? AND path != ?"
            for (other,) in store.db.execute(before, (id, tenant, relative)).fetchall():
                self._tree.remove(self._tree.root / other)
                gone.append(other)
                store.db.execute("DELETE FROM file WHERE path = ?", (other,))
            store.db.execute(_NOTE, (relative, id, tenant, state.st_mtime_ns, state.st_size))
            paths[id, space] = relative
        if self._history is not None:
            self._history.commit([(OPERATIONS[op], paths[id, space]) for id, space, op in entries])
        elif keeps(self._tree.root, gone):
            what = f"the history of git still holds files of {self._tree.root} that were erased"
            self._problems.append(
                Problem("MEM304", what, help="rewrite it, with `git filter-repo` say, and its copies")
            )

    def undo(self, store: SqliteStore) -> None:
        """The transaction was rolled back: bring what `write` wrote back to what the index says."""
        for relative in self._written:
            known = store.db.execute("SELECT id, tenant FROM file WHERE path = ?", (relative,)).fetchone()
            path = self._tree.root / relative
            if known is None:
                self._tree.remove(path)
                continue
            state = self._tree.write(path, write_document(store.log_in(*known)))
            store.db.execute(_NOTE, (relative, *known, state.st_mtime_ns, state.st_size))
        self._written = []
        if self._history is not None:
            self._history.catch_up()


def read_files(store: SqliteStore, tree: Tree) -> tuple[Problem, ...]:
    """Bring the index to what the files say; the problems of files that cannot be read, whose records stay as known."""
    store.db.execute(_TABLE)
    problems: list[Problem] = []
    strays = list(tree.strays())
    if strays:
        many = f", nor are others ({len(strays) - 1})" if len(strays) > 1 else ""
        help = "`lev memory import-from markdown` takes notes in, from a folder of theirs"
        message = f"this file is not read{many}: records lie at TENANT/TYPE/ID.md"
        problems.append(Problem("MEM305", message, Location(strays[0]), help=help))
    # In this order: a file that is written meanwhile is read once more, instead of being taken for one that has gone.
    seen = {row[0]: row[1:] for row in store.db.execute("SELECT path, id, tenant, changed, size FROM file")}
    there = {path: (changed, size) for path, changed, size in tree.files()}
    read: dict[str, list[Change]] = {}
    for path, state in there.items():
        if path in seen and seen[path][2:] == state:
            continue
        try:
            read[path] = read_document((tree.root / path).read_bytes(), path)
        except InvalidInput as error:
            problems += error.problems
    gone = [path for path in seen if path not in there]
    if not read and not gone:
        return tuple(problems)

    def note(db: sqlite3.Connection) -> None:
        db.executemany("DELETE FROM file WHERE path = ?", ((path,) for path in gone))
        rows = ((path, log[0].id, log[0].scope.tenant, *there[path]) for path, log in read.items())
        db.executemany(_NOTE, rows)

    replaced = {(log[0].scope.tenant, log[0].id) for log in read.values()}
    forgotten = replaced | {(seen[path][1], seen[path][0]) for path in gone}
    store.rebuild(sorted(forgotten), [change for log in read.values() for change in log], note)
    return tuple(problems)


def clear_away(store: SqliteStore, tree: Tree) -> None:
    """Delete what killed processes were writing when the files were last looked at."""
    if tree.unfinished:
        store.db.execute("BEGIN IMMEDIATE")  # so that nobody is writing
        for path in tree.unfinished:
            path.unlink(missing_ok=True)
        store.db.execute("COMMIT")
