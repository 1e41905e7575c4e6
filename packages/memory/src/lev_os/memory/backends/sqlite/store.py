"""The store: everything a backend does, synchronously, on one connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ...errors import Conflict, NotRemembered, StoreProblem
from ...lifecycle import changed, changes_it, fold, hash_of, is_visible, matches, record_of
from ...search import speakers
from ...types import MEMORY_TYPES, Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from . import postings, schema, vectors
from .columns import Columns
from .finding import Finder
from .rows import STATE, in_session, packed, passing, session_value, to_change, to_record, with_embedder, within
from .times import instant, micros
from .writing import LOG, Writer, counts_of

_MOST_CACHED = 4_000_000
"""Records whose columns are kept in memory, of all spaces together."""
_REINDEXED = 20_000
_OPERATIONS = {name: number for number, name in enumerate(schema.OPERATIONS)}


class Mirror(Protocol):
    """Somebody who must know of every change before it is committed, and of every one that was not."""

    def write(self, store: SqliteStore, touched: Sequence[tuple[str, int]]) -> None:
        """Records, by id and space, were changed; what is raised undoes it."""
        ...

    def undo(self, store: SqliteStore) -> None:
        """The last change was rolled back."""
        ...


class SqliteStore:
    """One SQLite file, for one thread at a time; other processes may use it too. See `MemoryBackend`."""

    def __init__(self, path: str, embedder: str | None, mirror: Mirror | None = None) -> None:
        self.path = path
        self.db = schema.connect(path)
        self._embedder = embedder
        self._mirror = mirror
        self._epoch = 0
        self._columns: OrderedDict[int, Columns] = OrderedDict()
        self._vectors: dict[int, vectors.Vectors] = {}
        self._embedded_up_to = 0

    def close(self) -> None:
        """Fold the write-ahead log in and close."""
        self.db.close()

    def append(self, scope: Scope, changes: Sequence[Change]) -> list[str]:
        """See `MemoryBackend.append`."""
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
                    by = answered.get(change.by, change.by)
                    ids.append(self._change(writer, scope, msgspec.structs.replace(change, by=by)))
            writer.flush()
        return ids

    def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        """See `MemoryBackend.load`."""
        with self._transaction():
            return self._load(scope, changes)

    def rebuild(
        self, gone: Sequence[tuple[str, str]], changes: Sequence[Change], note: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Take records out without a trace, by tenant and id, and logs in; `note` may write to tables of its own."""
        with self._transaction(mirrored=False):
            for tenant, id in gone:
                self._forget(Scope(tenant=tenant), id)
            ordered = sorted(changes, key=lambda change: (change.scope.tenant, change.at, change.op != "put"))
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
        scope = self._scope(space)
        return [to_change(row, scope) for row in rows]

    def log_in(self, id: str, tenant: str) -> list[Change]:
        """All changes of a tenant's record."""
        spaces = self._spaces(Scope(tenant=tenant))
        return next(found for space in spaces if (found := self.log_of(id, space)))

    def _load(self, scope: Scope, changes: Sequence[Change]) -> int:
        taken = 0
        writer = Writer(self.db, self._latest(), imports=True)
        for op, some in groupby(changes, key=lambda change: change.op):
            group = list(some)
            if op == "put":
                known = {row[3] for row in self._rows(Scope(tenant=scope.tenant), [change.id for change in group])}
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
        found = self._rows(scope, [change.id])
        if change.op == "erase":
            if not found and self._tombstones(scope, [change.id]):
                return False
            if not found:
                entry = (_OPERATIONS["erase"], writer.space(change.scope), -1, change.id, writer.at(change))
                self.db.execute(LOG, (*entry, None, None, None))
            for row in found:
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
        spaces = self._spaces(Scope(tenant=scope.tenant))
        test = f"SELECT 1 FROM log l WHERE l.id = ? AND l.op = {_OPERATIONS['erase']} AND {within('l')}"
        return {id for id in ids if self.db.execute(test, (id, packed(spaces))).fetchone() is not None}

    def _change(self, writer: Writer, scope: Scope, change: Change) -> str:
        found = self._rows(scope, [change.id])
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

    def _liveness(self, row: Any, live: bool) -> int:
        """A record that comes back while its twin was put again is current, but no longer the one that `put` finds."""
        if not live:
            return 0
        content_hash = bytes.fromhex(hash_of(row[9])[7:])
        twin = self.db.execute(
            "SELECT 1 FROM record WHERE space = ? AND hash = ? AND live = 1 AND row != ?",
            (row[1], content_hash, row[0]),
        ).fetchone()
        return 1 if twin is None else 2

    def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> list[str]:
        """See `MemoryBackend.erase`."""
        with self._transaction():
            found = self._rows(scope, ids)
            moment = max(micros(at), self._latest())
            for row in found:
                self._destroy(row, moment)
        if found and self.path != ":memory:":
            # Deleted pages are zeroed (secure_delete); what the write-ahead log still holds goes with it.
            (busy, *_) = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                help = "they are erased; their bytes go from its log when that ends and something else is erased"
                raise StoreProblem(f"{self.path} is being read by another program all the time", help=help)
        return [row[3] for row in found]

    def _destroy(self, found: Any, at: int) -> None:
        row, space, doc, id, *_, content = found
        postings.remove(self.db, space, doc, counts_of(content))
        for table in ("record", "vector", "sketch"):
            self.db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
        self.db.execute("DELETE FROM log WHERE id = ? AND space = ?", (id, space))
        self.db.execute(LOG, (_OPERATIONS["erase"], space, doc, id, at, None, None, None))
        if space in self._vectors:
            self._vectors[space].forget(doc)

    def _forget(self, scope: Scope, id: str) -> None:
        for row, space, doc, _, *_, content in self._rows(scope, [id]):
            postings.remove(self.db, space, doc, counts_of(content))
            for table in ("record", "vector", "sketch"):
                self.db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
        spaces = self._spaces(scope)
        self.db.execute(f"DELETE FROM log AS l WHERE l.id = ? AND {within('l')}", (id, packed(spaces)))

    def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> dict[str, Record]:
        """See `MemoryBackend.get`."""
        with self._reading():
            rows = self._rows(scope, ids)
            records = [self._known(row, moment) for row in rows]
            embedded = self._embedded([row[0] for row in rows])
        return {
            record.id: with_embedder(record, embedded.get(row[0]))
            for row, record in zip(rows, records, strict=True)
            if record is not None and (moment is None or is_visible(record, moment))
        }

    def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        """See `MemoryBackend.query`."""
        found: dict[int, Record] = {}
        # What was retracted since may have been known then, so the past is not asked of the columns of today.
        index, tests, values = passing(msgspec.structs.replace(where, retired=where.retired or bool(moment.known_at)))
        with self._reading():
            spaces = self._spaces(scope)
            last: int | None = after or 0
            while True:
                rows = self.db.execute(
                    f"SELECT {STATE} FROM record r INDEXED BY {index}"
                    f" WHERE r.row > ? AND {within()}{in_session(scope)}{tests} ORDER BY r.row LIMIT 1000",
                    (last, packed(spaces), *session_value(scope), *values),
                ).fetchall()
                for row in rows:
                    last = row[0]
                    record = self._known(row, moment)
                    if record is None or not matches(record, where):
                        continue
                    if where.retired or is_visible(record, moment):
                        found[row[0]] = record
                        if len(found) == limit:
                            break
                else:
                    if len(rows) == 1000:
                        continue
                    last = None
                break
            embedded = self._embedded(list(found))
        return Page(tuple(with_embedder(record, embedded.get(row)) for row, record in found.items()), last)

    def search(self, scope: Scope, probe: Probe) -> list[Hit]:
        """See `MemoryBackend.search`."""
        with self._reading():
            self._renew()
            spaces = [self._loaded(space) for space in self._spaces(scope)]
            if not spaces:
                return []
            found = Finder(self.db, spaces).search(scope, probe)
            rows = {row[0]: row for row in self._by_row([hit.row for hit in found])}
            embedded = self._embedded(list(rows))
            hits = []
            for hit in found:
                record = self._known(rows[hit.row], probe.moment)
                if record is not None:
                    hits.append(Hit(with_embedder(record, embedded.get(hit.row)), hit.score, hit.parts))
        return hits

    def changes(self, scope: Scope, after: int, limit: int, id: str | None) -> list[Change]:
        """See `MemoryBackend.changes`."""
        with self._reading():
            spaces = self._spaces(scope)
            one = "" if id is None else " AND l.id = ?"
            # Entries of an erased record have no session any more: a scope with a session does not show them.
            rows = self.db.execute(
                "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, r.content"
                " FROM log l LEFT JOIN record r ON r.space = l.space AND r.doc = l.doc"
                f" WHERE l.cursor > ? AND {within('l')}{in_session(scope)}{one} ORDER BY l.cursor LIMIT ?",
                (after, packed(spaces), *session_value(scope), *(() if id is None else (id,)), limit),
            ).fetchall()
            scopes = {space: self._scope(space) for space in {row[2] for row in rows}}
        return [to_change(row, scopes[row[2]]) for row in rows]

    def stats(self, scope: Scope, moment: Moment) -> Stats:
        """See `MemoryBackend.stats`."""
        now = micros(moment.now)
        with self._reading():
            spaces = self._spaces(scope)
            rows = self.db.execute(
                "SELECT r.type, count(*), sum(r.retracted IS NULL AND (r.ends IS NULL OR r.ends > ?)"
                " AND (r.forgotten IS NULL OR r.forgotten > ?)), sum(v.row IS NULL OR v.embedder != ?)"
                " FROM record r LEFT JOIN vector v ON v.row = r.row"
                f" WHERE {within()}{in_session(scope)} GROUP BY r.type",
                (now, now, self._embedder or "", packed(spaces), *session_value(scope)),
            ).fetchall()
        size = 0
        if self.path != ":memory:":
            files = (Path(self.path + suffix) for suffix in ("", "-wal"))
            size = sum(file.stat().st_size for file in files if file.exists())
        return Stats(
            records=sum(row[1] for row in rows),
            current=sum(row[2] for row in rows),
            by_type={MEMORY_TYPES[row[0]]: row[1] for row in rows},
            unembedded=sum(row[3] for row in rows) if self._embedder else 0,
            bytes=size,
        )

    def reindex(self) -> None:
        """See `MemoryBackend.reindex`."""
        with self._transaction(mirrored=False):
            for table in ("posting", "vector", "sketch"):
                self.db.execute(f"DELETE FROM {table}")
            for space, docs in self.db.execute("SELECT space, docs FROM space").fetchall():
                for start in range(0, docs, _REINDEXED):
                    rows = self.db.execute(
                        "SELECT doc, content FROM record WHERE space = ? AND doc >= ? AND doc < ? ORDER BY doc",
                        (space, start, start + _REINDEXED),
                    )
                    postings.add(self.db, space, ((doc, counts_of(content)) for doc, content in rows))
            self.db.execute("UPDATE space SET indexed = docs")
            self._new_epoch()

    def _new_epoch(self) -> None:
        (epoch,) = self.db.execute("PRAGMA user_version").fetchone()
        self.db.execute(f"PRAGMA user_version = {epoch + 1}")

    def unembedded(self, limit: int) -> list[tuple[int, str]]:
        """See `MemoryBackend.unembedded`."""
        self._renew()
        with self._reading():
            rows = self.db.execute(
                "SELECT r.row, r.content FROM record r LEFT JOIN vector v ON v.row = r.row"
                " WHERE r.row > ? AND (v.row IS NULL OR v.embedder != ?) ORDER BY r.row LIMIT ?",
                (self._embedded_up_to, self._embedder or "", limit),
            ).fetchall()
            (last,) = self.db.execute("SELECT ifnull(max(row), 0) FROM record").fetchone()
        self._embedded_up_to = rows[0][0] - 1 if rows else last
        return [(row, speakers.said(record_of(content))) for row, content in rows]

    def embed(self, found: Sequence[tuple[int, Any]]) -> None:
        """See `MemoryBackend.embed`."""
        with self._transaction():
            vectors.store(self.db, self._embedder or "", [row for row, _ in found], [vector for _, vector in found])

    def _renew(self) -> None:
        """After a rebuild, in whatever process, nothing in memory holds any more."""
        (epoch,) = self.db.execute("PRAGMA user_version").fetchone()
        if epoch != self._epoch:
            self._epoch = epoch
            self._columns.clear()
            self._vectors.clear()
            self._embedded_up_to = 0

    def _loaded(self, space: int) -> tuple[Columns, vectors.Vectors | None]:
        columns = self._columns.get(space)
        if columns is None:
            columns = self._columns[space] = Columns(space)
        columns.catch_up(self.db)
        self._columns.move_to_end(space)
        while len(self._columns) > 1 and sum(held.n for held in self._columns.values()) > _MOST_CACHED:
            old, _ = self._columns.popitem(last=False)
            self._vectors.pop(old, None)
        if self._embedder is None:
            return columns, None
        held = self._vectors.get(space)
        if held is None:
            held = self._vectors[space] = vectors.Vectors(space, self._embedder)
        held.catch_up(self.db, columns.n)
        return columns, held

    def _known(self, row: Any, moment: Moment | None) -> Record | None:
        """The record of a row as it was known at the moment; None when it was not there yet."""
        if moment is None or moment.known_at is None:
            return to_record(row)
        known = micros(moment.known_at)
        if row[5] > known:
            return None
        (later,) = self.db.execute(
            "SELECT count(*) FROM log WHERE id = ? AND space = ? AND op > 0 AND at > ?", (row[3], row[1], known)
        ).fetchone()
        if not later:
            return to_record(row)
        entries = self.db.execute(
            "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, NULL"
            " FROM log l WHERE l.id = ? AND l.space = ? AND l.op > 0 ORDER BY l.cursor",
            (row[3], row[1]),
        ).fetchall()
        scope = self._scope(row[1])
        first = Change(op="put", id=row[3], scope=scope, at=instant(row[5]), record=record_of(row[9]))
        return fold([first, *(to_change(entry, scope) for entry in entries)], moment.known_at)

    def _embedded(self, rows: Sequence[int]) -> Mapping[int, str]:
        if self._embedder is None or not rows:
            return {}
        found: dict[int, str] = {}
        for start in range(0, len(rows), 1_000):
            some = rows[start : start + 1_000]
            marks = ",".join("?" * len(some))
            found.update(self.db.execute(f"SELECT row, embedder FROM vector WHERE row IN ({marks})", some).fetchall())
        return found

    def _rows(self, scope: Scope, ids: Sequence[str]) -> list[Any]:
        spaces = self._spaces(scope)
        found = {}
        for id in ids:
            row = self.db.execute(
                f"SELECT {STATE} FROM record r WHERE r.id = ? AND {within()}{in_session(scope)}",
                (id, packed(spaces), *session_value(scope)),
            ).fetchone()
            if row is not None:
                found[row[0]] = row
        return list(found.values())

    def _by_row(self, rows: Sequence[int]) -> list[Any]:
        return [self.db.execute(f"SELECT {STATE} FROM record r WHERE r.row = ?", (row,)).fetchone() for row in rows]

    def _spaces(self, scope: Scope) -> list[int]:
        """The spaces of a scope: those of its tenant that agree with every field it sets."""
        tests, values = ["tenant = ?"], [scope.tenant]
        for name in ("user", "agent", "project"):
            if (value := getattr(scope, name)) is not None:
                tests.append(f"{name} = ?")
                values.append(value)
        found = self.db.execute(f"SELECT space FROM space WHERE {' AND '.join(tests)} ORDER BY space", values)
        return [space for (space,) in found]

    def _scope(self, space: int) -> Scope:
        row = self.db.execute("SELECT tenant, user, agent, project FROM space WHERE space = ?", (space,)).fetchone()
        return Scope(tenant=row[0], user=row[1], agent=row[2], project=row[3])

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
                    touched = "SELECT DISTINCT id, space FROM log WHERE cursor > ? ORDER BY cursor"
                    mirror.write(self, self.db.execute(touched, (before,)).fetchall())
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

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One view of the store for several questions."""
        try:
            self.db.execute("BEGIN")
            try:
                yield
            finally:
                self.db.execute("COMMIT")
        except sqlite3.Error as error:
            raise schema.problem(self.path, error) from None
