"""The store: every change that is made to it, synchronously, on one connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

import msgspec

from ...errors import Conflict, NotRemembered, StoreProblem, Unsupported
from ...instants import instant, micros
from ...lifecycle import changed, changes_it, circular, digest_of, record_of
from ...search.fields import terms_of
from ...search.postings import Gathered
from ...types import Change, Scope
from . import postings, schema, vectors
from .reading import Reader
from .rows import packed, to_change, to_record, within
from .writing import LOG, Writer

_REINDEXED = 20_000
_MANY = 1_000
_OPERATIONS = {name: number for number, name in enumerate(schema.OPERATIONS)}


class Mirror(Protocol):
    """Somebody who must know of every change before it is committed, and of every one that was not."""

    def write(self, store: SqliteStore, after: int) -> None:
        """What is in the log after a cursor was done; what is raised undoes it."""
        ...

    def undo(self, store: SqliteStore) -> None:
        """The last change was rolled back."""
        ...


class SqliteStore:
    """One SQLite file, for one thread at a time; other processes may use it too. See `MemoryBackend`.

    Changes are made here; `reader` answers questions.
    """

    def __init__(self, path: str, embedder: str | None, mirror: Mirror | None = None) -> None:
        self.path = path
        self.db = schema.connect(path)
        self.reader = Reader(self.db, path, embedder)
        self._embedder = embedder
        self._mirror = mirror
        if schema.format_of(self.db) < schema.FORMAT:
            with self._transaction(mirrored=False):
                if schema.format_of(self.db) < schema.FORMAT:  # somebody else may have been faster
                    schema.renew(self.db)
                    self._make_postings()

    def close(self) -> None:
        """Fold the write-ahead log in and close."""
        self.db.close()

    def append(self, scope: Scope, changes: Sequence[Change]) -> list[str]:
        """See `MemoryBackend.append`."""
        if len(changes) >= _MANY:
            self.reader.make_room(schema.LARGE_CACHE)
        with self._transaction():
            writer = Writer(self.db, self._latest())
            ids: list[str] = []
            answered: dict[str | None, str] = {}
            for puts, some in groupby(changes, key=lambda change: change.op == "put"):
                group = list(some)
                if puts:
                    found = writer.put(group)
                    answered |= zip((change.id for change in group), found, strict=True)
                    ids += found
                    continue
                writer.flush()
                for change in group:
                    self._refuse_circle(change)
                    by = answered.get(change.by, change.by)
                    ids.append(self._change(writer, scope, msgspec.structs.replace(change, by=by)))
            writer.flush()
        return ids

    def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        """See `MemoryBackend.load`."""
        with self._transaction():
            taken = self._load(scope, changes)
        if taken and any(change.op == "erase" for change in changes):
            self._truncate_log()
        return taken

    def refuse_erasing(self, scope: Scope, changes: Sequence[Change]) -> None:
        """Raise `Unsupported` when changes of another store would erase something that is here."""
        if self.reader.rows_of(scope, [change.id for change in changes if change.op == "erase"]):
            help = "erase it where it is kept; nothing was taken in"
            raise Unsupported("a record that was erased elsewhere is here, and cannot be erased here", help=help)

    def rebuild(
        self, gone: Sequence[tuple[str, str]], changes: Sequence[Change], note: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Take records out without a trace, by tenant and id, and logs in; `note` may write to tables of its own."""
        with self._transaction(mirrored=False):
            for tenant, id in gone:
                self._forget(Scope(tenant=tenant), id)
            # What one call put has one time, and ids in its order.
            ordered = sorted(
                changes, key=lambda change: (change.scope.tenant, change.at, change.op != "put", change.id)
            )
            for tenant, some in groupby(ordered, key=lambda change: change.scope.tenant):
                self._load(Scope(tenant=tenant), list(some))
            note(self.db)
            self._new_epoch()

    def log_of(self, id: str, space: int) -> list[Change]:
        """All changes of a record."""
        rows = self.db.execute(
            "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, r.content"
            " FROM log l LEFT JOIN record r ON r.space = l.space AND r.doc = l.doc"
            " WHERE l.id = ? AND l.space = ? ORDER BY l.cursor",
            (id, space),
        ).fetchall()
        scope = self.reader.scope_of(space)
        return [to_change(row, scope) for row in rows]

    def log_in(self, id: str, tenant: str) -> list[Change]:
        """All changes of a tenant's record."""
        spaces = self.reader.spaces_of(Scope(tenant=tenant))
        return next(found for space in spaces if (found := self.log_of(id, space)))

    def _load(self, scope: Scope, changes: Sequence[Change]) -> int:
        taken = 0
        writer = Writer(self.db, self._latest(), imports=True)
        for op, some in groupby(changes, key=lambda change: change.op):
            group = list(some)
            if op == "put":
                known = {
                    row[3] for row in self.reader.rows_of(Scope(tenant=scope.tenant), [change.id for change in group])
                }
                gone = self._tombstones(scope, [change.id for change in group])
                fresh = [change for change in group if change.id not in known and change.id not in gone]
                writer.put(fresh)
                taken += len(fresh)
                continue
            writer.flush()
            taken += sum(self._take_in(writer, scope, change) for change in group)
        writer.flush()
        return taken

    def _take_in(self, writer: Writer, scope: Scope, change: Change) -> bool:
        """Make a change of another store here, unless it was made before."""
        found = self.reader.rows_of(scope, [change.id])
        if change.op == "erase":
            if not found and self._tombstones(scope, [change.id]):
                return False
            if not found:
                entry = (_OPERATIONS["erase"], writer.space(change.scope), -1, change.id, writer.at(change))
                self.db.execute(LOG, (*entry, None, None, None))
            for row in self.reader.with_derived(scope, found):
                self._destroy(row, writer.at(change))
            return True
        if not found and self._tombstones(scope, [change.id]):
            return False
        if found and change.expects is not None and found[0][4] > change.expects:
            return False
        self._change(writer, scope, change)
        return True

    def _tombstones(self, scope: Scope, ids: Sequence[str]) -> set[str]:
        """Those of the ids that were erased here."""
        spaces = self.reader.spaces_of(Scope(tenant=scope.tenant))
        test = f"SELECT 1 FROM log l WHERE l.id = ? AND l.op = {_OPERATIONS['erase']} AND {within('l')}"
        return {id for id in ids if self.db.execute(test, (id, packed(spaces))).fetchone() is not None}

    def _change(self, writer: Writer, scope: Scope, change: Change) -> str:
        found = self.reader.rows_of(scope, [change.id])
        if not found:
            raise NotRemembered(change.id)
        if change.by == change.id:
            raise Conflict(f"the record {change.id!r} says that already", help="nothing needs to be superseded")
        row = found[0]
        record = to_record(row)
        if changes_it(record, change):
            at = writer.at(change)
            original = record_of(row[9])
            after = changed(record, msgspec.structs.replace(change, at=instant(at)), original)
            ends, retracted = (None if t is None else micros(t) for t in (after.valid_to, after.expired_at))
            live = after.expired_at is None and after.superseded_by is None
            self.db.execute(
                "UPDATE record SET version = ?, ends = ?, retracted = ?, superseded_by = ?, live = ? WHERE row = ?",
                (after.version, ends, retracted, after.superseded_by, self._liveness(row, live), row[0]),
            )
            end = ends if change.op == "supersede" else None
            self.db.execute(LOG, (_OPERATIONS[change.op], row[1], row[2], change.id, at, change.by, end, change.reason))
        return change.id

    def _refuse_circle(self, change: Change) -> None:
        seen: set[str] = set()
        by = change.by
        while by is not None and by not in seen:
            seen.add(by)
            rows = self.reader.rows_of(Scope(tenant=change.scope.tenant), [by])
            by = rows[0][8] if rows else None
            if by == change.id:
                raise circular(change)

    def _liveness(self, row: Any, live: bool) -> int:
        """A record that comes back while its twin was put again is current, but no longer the one that `put` finds."""
        if not live:
            return 0
        twin = self.db.execute(
            "SELECT 1 FROM record WHERE space = ? AND hash = ? AND live = 1 AND row != ?",
            (row[1], digest_of(row[9]), row[0]),
        ).fetchone()
        return 1 if twin is None else 2

    def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> list[str]:
        """See `MemoryBackend.erase`."""
        with self._transaction():
            found = self.reader.with_derived(scope, self.reader.rows_of(scope, ids))
            moment = max(micros(at), self._latest())
            for row in found:
                self._destroy(row, moment)
        if found:
            self._truncate_log()
        return [row[3] for row in found]

    def _truncate_log(self) -> None:
        """Deleted pages are zeroed (secure_delete); what the write-ahead log still holds goes with it."""
        if self.path == ":memory:":
            return
        (busy, *_) = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            help = "they are erased; their bytes go from its log when that ends and something else is erased"
            raise StoreProblem(f"{self.path} is being read by another program all the time", help=help)

    def _destroy(self, found: Any, at: int) -> None:
        row, space, doc, id, *_, content = found
        postings.remove(self.db, space, doc, set(terms_of(content)))
        for table in ("record", "vector", "sketch"):
            self.db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
        self.db.execute("DELETE FROM log WHERE id = ? AND space = ?", (id, space))
        self.db.execute(LOG, (_OPERATIONS["erase"], space, doc, id, at, None, None, None))
        self.reader.forget(space, doc)

    def _forget(self, scope: Scope, id: str) -> None:
        for row, space, doc, _, *_, content in self.reader.rows_of(scope, [id]):
            postings.remove(self.db, space, doc, set(terms_of(content)))
            for table in ("record", "vector", "sketch"):
                self.db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
        spaces = self.reader.spaces_of(scope)
        self.db.execute(f"DELETE FROM log AS l WHERE l.id = ? AND {within('l')}", (id, packed(spaces)))

    def reindex(self) -> None:
        """See `MemoryBackend.reindex`."""
        with self._transaction(mirrored=False):
            for table in ("posting", "vector", "sketch"):
                self.db.execute(f"DELETE FROM {table}")
            self._make_postings()

    def _make_postings(self) -> None:
        for space, docs in self.db.execute("SELECT space, docs FROM space").fetchall():
            for start in range(0, docs, _REINDEXED):
                rows = self.db.execute(
                    "SELECT doc, content FROM record WHERE space = ? AND doc >= ? AND doc < ? ORDER BY doc",
                    (space, start, start + _REINDEXED),
                )
                gathered = Gathered()
                for doc, content in rows:
                    gathered.add(doc, terms_of(content))
                postings.write(self.db, space, gathered)
        self.db.execute("UPDATE space SET indexed = docs")
        self._new_epoch()

    def _new_epoch(self) -> None:
        (epoch,) = self.db.execute("PRAGMA user_version").fetchone()
        self.db.execute(f"PRAGMA user_version = {epoch + 1}")

    def embed(self, found: Sequence[tuple[int, Any]]) -> None:
        """See `MemoryBackend.embed`."""
        with self._transaction():
            vectors.store(self.db, self._embedder or "", [row for row, _ in found], [vector for _, vector in found])

    def _latest(self) -> int:
        row = self.db.execute("SELECT at FROM log ORDER BY cursor DESC LIMIT 1").fetchone()
        return 0 if row is None else int(row[0])

    @contextlib.contextmanager
    def _transaction(self, *, mirrored: bool = True) -> Iterator[None]:
        mirror = self._mirror if mirrored else None
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                before = self._cursor()
                yield
                if mirror is not None:
                    mirror.write(self, before)
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                if mirror is not None:
                    mirror.undo(self)
                raise
        except sqlite3.Error as error:
            raise schema.problem(self.path, error) from None

    def _cursor(self) -> int:
        return int(self.db.execute("SELECT ifnull(max(cursor), 0) FROM log").fetchone()[0])
