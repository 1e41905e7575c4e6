"""The store: everything a backend does, synchronously, on one connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ...errors import Conflict, NotRemembered
from ...lifecycle import changed, changes_it, content_of, fold, hash_of, is_visible, matches, record_of
from ...search import speakers, words
from ...types import MEMORY_TYPES, Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from . import postings, schema, vectors
from .columns import Columns
from .finding import Finder
from .times import instant, micros

_MOST_CACHED = 4_000_000
"""Records whose columns are kept in memory, of all spaces together."""
_OPERATIONS = {name: number for number, name in enumerate(schema.OPERATIONS)}
_INSERT = f"INSERT INTO record VALUES ({', '.join('?' * 24)})"
_LOG = "INSERT INTO log (op, space, doc, id, at, superseded_by, ends, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_STATE = "r.row, r.space, r.doc, r.id, r.version, r.recorded, r.ends, r.retracted, r.superseded_by, r.content"


class SqliteStore:
    """One SQLite file, for one thread at a time; other processes may use it too. See `MemoryBackend`."""

    def __init__(self, path: str, embedder: str | None) -> None:
        self.path = path
        self._embedder = embedder
        self._db = schema.connect(path)
        self._columns: OrderedDict[int, Columns] = OrderedDict()
        self._vectors: dict[int, vectors.Vectors] = {}
        self._embedded_up_to = 0

    def close(self) -> None:
        """Fold the write-ahead log in and close."""
        self._db.close()

    def append(self, scope: Scope, changes: Sequence[Change]) -> list[str]:
        """See `MemoryBackend.append`."""
        with self._transaction():
            writer = _Writer(self._db, self._latest())
            ids: list[str] = []
            answered: dict[str | None, str] = {}
            for change in changes:
                if change.op == "put":
                    answered[change.id] = writer.put(change)
                    ids.append(answered[change.id])
                else:
                    by = answered.get(change.by, change.by)
                    ids.append(self._change(writer, scope, msgspec.structs.replace(change, by=by)))
            writer.flush()
        return ids

    def _change(self, writer: _Writer, scope: Scope, change: Change) -> str:
        writer.flush()
        found = self._rows(scope, [change.id])
        if not found:
            raise NotRemembered(change.id)
        if change.by == change.id:
            raise Conflict(f"the record {change.id!r} says that already", help="nothing needs to be superseded")
        row = found[0]
        record = _record(row)
        if changes_it(record, change):
            at = writer.at(change)
            original = record_of(row[9])
            after = changed(record, msgspec.structs.replace(change, at=instant(at)), original)
            ends, retracted = (None if t is None else micros(t) for t in (after.valid_to, after.expired_at))
            live = after.expired_at is None and after.superseded_by is None
            self._db.execute(
                "UPDATE record SET version = ?, ends = ?, retracted = ?, superseded_by = ?, live = ? WHERE row = ?",
                (after.version, ends, retracted, after.superseded_by, self._liveness(row, live), row[0]),
            )
            end = ends if change.op == "supersede" else None
            self._db.execute(
                _LOG, (_OPERATIONS[change.op], row[1], row[2], change.id, at, change.by, end, change.reason)
            )
        return change.id

    def _liveness(self, row: Any, live: bool) -> int:
        """A record that comes back while its twin was put again is current, but no longer the one that `put` finds."""
        if not live:
            return 0
        content_hash = bytes.fromhex(hash_of(row[9])[7:])
        twin = self._db.execute(
            "SELECT 1 FROM record WHERE space = ? AND hash = ? AND live = 1 AND row != ?",
            (row[1], content_hash, row[0]),
        ).fetchone()
        return 1 if twin is None else 2

    def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> list[str]:
        """See `MemoryBackend.erase`."""
        with self._transaction():
            found = self._rows(scope, ids)
            moment = max(micros(at), self._latest())
            for row, space, doc, id, *_, content in found:
                record = record_of(content)
                text = speakers.indexed_text(record, speakers.speaker_of(record))
                postings.remove(self._db, space, doc, set(words.terms(text)))
                for table in ("record", "vector", "sketch"):
                    self._db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
                self._db.execute("DELETE FROM log WHERE id = ? AND space = ?", (id, space))
                self._db.execute(_LOG, (_OPERATIONS["erase"], space, doc, id, moment, None, None, None))
                if space in self._vectors:
                    self._vectors[space].forget(doc)
        if found and self.path != ":memory:":
            # Deleted pages are zeroed (secure_delete); what the write-ahead log still holds goes with it.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return [row[3] for row in found]

    def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> dict[str, Record]:
        """See `MemoryBackend.get`."""
        with self._reading():
            rows = self._rows(scope, ids)
            records = [self._known(row, moment) for row in rows]
            embedded = self._embedded([row[0] for row in rows])
        return {
            record.id: _with_embedder(record, embedded.get(row[0]))
            for row, record in zip(rows, records, strict=True)
            if record is not None and (moment is None or is_visible(record, moment))
        }

    def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        """See `MemoryBackend.query`."""
        found: list[Record] = []
        with self._reading():
            spaces = self._spaces(scope)
            last = after or 0
            while True:
                rows = self._db.execute(
                    f"SELECT {_STATE} FROM record r WHERE r.row > ? AND {_within(spaces)}{_session(scope)}"
                    " ORDER BY r.row LIMIT 1000",
                    (last, *spaces, *_session_value(scope)),
                ).fetchall()
                for row in rows:
                    last = row[0]
                    record = self._known(row, moment)
                    if record is None or not matches(record, where):
                        continue
                    if where.retired or is_visible(record, moment):
                        found.append(record)
                        if len(found) == limit:
                            return Page(tuple(found), last)
                if len(rows) < 1000:
                    return Page(tuple(found))

    def search(self, scope: Scope, probe: Probe) -> list[Hit]:
        """See `MemoryBackend.search`."""
        with self._reading():
            spaces = [self._loaded(space) for space in self._spaces(scope)]
            if not spaces:
                return []
            found = Finder(self._db, spaces).search(scope, probe)
            rows = {row[0]: row for row in self._by_row([hit.row for hit in found])}
            embedded = self._embedded(list(rows))
            hits = []
            for hit in found:
                record = self._known(rows[hit.row], probe.moment)
                if record is not None:
                    hits.append(Hit(_with_embedder(record, embedded.get(hit.row)), hit.score, hit.parts))
        return hits

    def changes(self, scope: Scope, after: int, limit: int, id: str | None) -> list[Change]:
        """See `MemoryBackend.changes`."""
        with self._reading():
            spaces = self._spaces(scope)
            one = "" if id is None else " AND l.id = ?"
            # Entries of an erased record have no session any more: a scope with a session does not show them.
            rows = self._db.execute(
                "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, r.content"
                " FROM log l LEFT JOIN record r ON r.space = l.space AND r.doc = l.doc"
                f" WHERE l.cursor > ? AND {_within(spaces, 'l')}{_session(scope)}{one} ORDER BY l.cursor LIMIT ?",
                (after, *spaces, *_session_value(scope), *(() if id is None else (id,)), limit),
            ).fetchall()
            scopes = {space: self._scope(space) for space in {row[2] for row in rows}}
        return [_change(row, scopes[row[2]]) for row in rows]

    def stats(self, scope: Scope, moment: Moment) -> Stats:
        """See `MemoryBackend.stats`."""
        now = micros(moment.now)
        with self._reading():
            spaces = self._spaces(scope)
            rows = self._db.execute(
                "SELECT r.type, count(*), sum(r.retracted IS NULL AND (r.ends IS NULL OR r.ends > ?)"
                " AND (r.forgotten IS NULL OR r.forgotten > ?)), sum(v.row IS NULL OR v.embedder != ?)"
                " FROM record r LEFT JOIN vector v ON v.row = r.row"
                f" WHERE {_within(spaces)}{_session(scope)} GROUP BY r.type",
                (now, now, self._embedder or "", *spaces, *_session_value(scope)),
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

    def unembedded(self, limit: int) -> list[tuple[int, str]]:
        """See `MemoryBackend.unembedded`."""
        with self._reading():
            rows = self._db.execute(
                "SELECT r.row, r.content FROM record r LEFT JOIN vector v ON v.row = r.row"
                " WHERE r.row > ? AND (v.row IS NULL OR v.embedder != ?) ORDER BY r.row LIMIT ?",
                (self._embedded_up_to, self._embedder or "", limit),
            ).fetchall()
            (last,) = self._db.execute("SELECT ifnull(max(row), 0) FROM record").fetchone()
        self._embedded_up_to = rows[0][0] - 1 if rows else last
        return [(row, record_of(content).text) for row, content in rows]

    def embed(self, found: Sequence[tuple[int, Any]]) -> None:
        """See `MemoryBackend.embed`."""
        with self._transaction():
            vectors.store(self._db, self._embedder or "", [row for row, _ in found], [vector for _, vector in found])

    def _loaded(self, space: int) -> tuple[Columns, vectors.Vectors | None]:
        columns = self._columns.get(space)
        if columns is None:
            columns = self._columns[space] = Columns(space)
        columns.catch_up(self._db)
        self._columns.move_to_end(space)
        while len(self._columns) > 1 and sum(held.n for held in self._columns.values()) > _MOST_CACHED:
            old, _ = self._columns.popitem(last=False)
            self._vectors.pop(old, None)
        if self._embedder is None:
            return columns, None
        held = self._vectors.get(space)
        if held is None:
            held = self._vectors[space] = vectors.Vectors(space, self._embedder)
        held.catch_up(self._db, columns.n)
        return columns, held

    def _known(self, row: Any, moment: Moment | None) -> Record | None:
        """The record of a row as it was known at the moment; None when it was not there yet."""
        if moment is None or moment.known_at is None:
            return _record(row)
        known = micros(moment.known_at)
        if row[5] > known:
            return None
        (later,) = self._db.execute(
            "SELECT count(*) FROM log WHERE id = ? AND space = ? AND op > 0 AND at > ?", (row[3], row[1], known)
        ).fetchone()
        if not later:
            return _record(row)
        entries = self._db.execute(
            "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, NULL"
            " FROM log l WHERE l.id = ? AND l.space = ? AND l.op > 0 ORDER BY l.cursor",
            (row[3], row[1]),
        ).fetchall()
        scope = self._scope(row[1])
        first = Change(op="put", id=row[3], scope=scope, at=instant(row[5]), record=record_of(row[9]))
        return fold([first, *(_change(entry, scope) for entry in entries)], moment.known_at)

    def _embedded(self, rows: Sequence[int]) -> Mapping[int, str]:
        if self._embedder is None or not rows:
            return {}
        found: dict[int, str] = {}
        for start in range(0, len(rows), 1_000):
            some = rows[start : start + 1_000]
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT row, embedder FROM vector WHERE row IN ({marks})", some).fetchall())
        return found

    def _rows(self, scope: Scope, ids: Sequence[str]) -> list[Any]:
        spaces = self._spaces(scope)
        found = {}
        for id in ids:
            row = self._db.execute(
                f"SELECT {_STATE} FROM record r WHERE r.id = ? AND {_within(spaces)}{_session(scope)}",
                (id, *spaces, *_session_value(scope)),
            ).fetchone()
            if row is not None:
                found[row[0]] = row
        return list(found.values())

    def _by_row(self, rows: Sequence[int]) -> list[Any]:
        return [self._db.execute(f"SELECT {_STATE} FROM record r WHERE r.row = ?", (row,)).fetchone() for row in rows]

    def _spaces(self, scope: Scope) -> list[int]:
        """The spaces of a scope: those of its tenant that agree with every field it sets."""
        tests, values = ["tenant = ?"], [scope.tenant]
        for name in ("user", "agent", "project"):
            if (value := getattr(scope, name)) is not None:
                tests.append(f"{name} = ?")
                values.append(value)
        found = self._db.execute(f"SELECT space FROM space WHERE {' AND '.join(tests)} ORDER BY space", values)
        return [space for (space,) in found]

    def _scope(self, space: int) -> Scope:
        row = self._db.execute("SELECT tenant, user, agent, project FROM space WHERE space = ?", (space,)).fetchone()
        return Scope(tenant=row[0], user=row[1], agent=row[2], project=row[3])

    def _latest(self) -> int:
        row = self._db.execute("SELECT at FROM log ORDER BY cursor DESC LIMIT 1").fetchone()
        return 0 if row is None else int(row[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise schema.problem(self.path, error) from None

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One view of the store for several questions."""
        try:
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise schema.problem(self.path, error) from None


class _Writer:
    """The puts of one transaction, written in bunches."""

    def __init__(self, db: sqlite3.Connection, latest: int) -> None:
        self._db = db
        self._latest = latest
        self._spaces: dict[tuple[str, str | None, str | None, str | None], list[int]] = {}
        self._records: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._counts: dict[int, list[tuple[int, Mapping[str, int]]]] = {}
        self._seen: dict[tuple[int, bytes], str] = {}

    def at(self, change: Change) -> int:
        """The change's time, not before any in the log."""
        self._latest = max(self._latest, micros(change.at))
        return self._latest

    def put(self, change: Change) -> str:
        """Take a record in unless it is there; answers its id."""
        assert change.record is not None
        content = content_of(change.record)
        digest = bytes.fromhex(hash_of(content)[7:])
        space = self._space(change.scope)
        record, at = change.record, self.at(change)
        there = self._seen.get((space[0], digest)) or self._live(space[0], digest, at)
        if there is not None:
            return there
        taken = self._db.execute(
            "SELECT 1 FROM record r JOIN space s ON s.space = r.space WHERE r.id = ? AND s.tenant = ?",
            (change.id, change.scope.tenant),
        ).fetchone()
        if taken is not None:
            raise Conflict(f"the id {change.id!r} is taken by another record", help="leave ids to memory")
        doc = space[1]
        space[1] += 1
        speaker = speakers.speaker_of(record)
        counts = words.counts(speakers.indexed_text(record, speaker))
        self._counts.setdefault(space[0], []).append((doc, counts))
        self._records.append(_columns(record, change.id, space[0], doc, digest, speaker, counts, at, content))
        self._entries.append((0, space[0], doc, change.id, at, None, None, change.reason))
        self._seen[space[0], digest] = change.id
        return change.id

    def flush(self) -> None:
        """Write what was taken in."""
        self._db.executemany(_INSERT, self._records)
        self._db.executemany(_LOG, self._entries)
        for space, counts in self._counts.items():
            postings.add(self._db, space, counts)
        self._db.executemany("UPDATE space SET docs = ? WHERE space = ?", ((n, s) for s, n in self._spaces.values()))
        self._records.clear()
        self._entries.clear()
        self._counts.clear()
        self._seen.clear()

    def _live(self, space: int, digest: bytes, at: int) -> str | None:
        row = self._db.execute(
            "SELECT id, row, forgotten FROM record WHERE space = ? AND hash = ? AND live = 1", (space, digest)
        ).fetchone()
        if row is None:
            return None
        if row[2] is not None and row[2] <= at:  # its time is over, so this is a new one
            self._db.execute("UPDATE record SET live = 0 WHERE row = ?", (row[1],))
            return None
        return str(row[0])

    def _space(self, scope: Scope) -> list[int]:
        """The number of a space, made when there is none, and its next doc."""
        key = (scope.tenant, scope.user, scope.agent, scope.project)
        if key not in self._spaces:
            self._db.execute("INSERT OR IGNORE INTO space (tenant, user, agent, project) VALUES (?, ?, ?, ?)", key)
            row = self._db.execute(
                "SELECT space, docs FROM space WHERE tenant = ? AND user IS ? AND agent IS ? AND project IS ?", key
            ).fetchone()
            self._spaces[key] = list(row)
        return self._spaces[key]


def _columns(
    record: Record, id: str, space: int, doc: int, digest: bytes, speaker: str | None, counts: Mapping[str, int],
    at: int, content: bytes,
) -> tuple[Any, ...]:  # fmt: skip
    return (
        None, space, doc, id, digest, 1, 1, MEMORY_TYPES.index(record.type), record.session, record.sequence,
        record.role, speaker, record.subject, record.predicate, record.pinned, record.trust, sum(counts.values()), at,
        at if record.valid_from is None else micros(record.valid_from),
        None if record.valid_to is None else micros(record.valid_to),
        None, None if record.ttl is None else at + round(record.ttl * 1_000_000), None, content,
    )  # fmt: skip


def _record(row: Any) -> Record:
    """The record of a row of `_STATE`."""
    *_, id, version, recorded, ends, retracted, superseded_by, content = row
    return record_of(
        content,
        id=id,
        hash=hash_of(content),
        recorded_at=instant(recorded),
        valid_to=None if ends is None else instant(ends),
        expired_at=None if retracted is None else instant(retracted),
        superseded_by=superseded_by,
        version=version,
    )


def _with_embedder(record: Record, embedder: str | None) -> Record:
    if embedder is not None:
        msgspec.structs.force_setattr(record, "embedder", embedder)
    return record


def _change(row: Any, scope: Scope) -> Change:
    cursor, op, _, id, at, superseded_by, ends, reason, content = row
    record = record_of(content) if op == 0 and content is not None else None
    return Change(
        op=schema.OPERATIONS[op],  # type: ignore[arg-type]  # the tuple holds the literals
        id=id,
        scope=scope if record is None else msgspec.structs.replace(scope, session=record.session),
        at=instant(at),
        record=record,
        by=superseded_by,
        valid_to=None if ends is None else instant(ends),
        reason=reason,
        cursor=cursor,
    )


def _within(spaces: Sequence[int], table: str = "r") -> str:
    return f"{table}.space IN ({','.join('?' * len(spaces))})"


def _session(scope: Scope) -> str:
    return "" if scope.session is None else " AND r.session = ?"


def _session_value(scope: Scope) -> tuple[str, ...]:
    return () if scope.session is None else (scope.session,)
