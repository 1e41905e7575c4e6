"""Everything a store is asked, on one connection, and what it keeps in memory to answer."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...instants import instant, micros
from ...lifecycle import SOURCES, comes_from, fold, is_visible, matches, record_of
from ...search import speakers
from ...search.columns import Columns
from ...search.fields import PLAN
from ...search.finding import Finder
from ...search.source import finished
from ...types import MEMORY_TYPES, Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from . import schema, vectors
from .rows import STATE, in_session, packed, passing, session_value, to_change, to_record, with_embedder, within
from .source import SqliteSource

_ASKED_AT_ONCE = 500
_MOST_CACHED = 4_000_000
"""Records whose columns are kept in memory, of all spaces together."""


class Reader:
    """Answers questions about a store; see `MemoryBackend`."""

    def __init__(self, db: sqlite3.Connection, path: str, embedder: str | None) -> None:
        self._db = db
        self._path = path
        self._embedder = embedder
        self._epoch = 0
        self._columns: OrderedDict[int, Columns] = OrderedDict()
        self._vectors: dict[int, vectors.Vectors] = {}
        self._embedded_up_to = 0
        self._cache = schema.SMALL_CACHE

    def make_room(self, kilobytes: int) -> None:
        """Keep so much of the file in memory, and give back what is more."""
        if kilobytes != self._cache:
            self._cache = kilobytes
            self._db.execute(f"PRAGMA cache_size = -{kilobytes}")
            self._db.execute("PRAGMA shrink_memory")

    def forget(self, space: int, doc: int) -> None:
        """A record has gone."""
        if space in self._vectors:
            self._vectors[space].forget(doc)

    def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> dict[str, Record]:
        """See `MemoryBackend.get`."""
        with self._reading():
            rows = self.rows_of(scope, ids)
            records = [self._known(row, moment) for row in rows]
            embedded = self._embedded([row[0] for row in rows])
        return {
            record.id: with_embedder(record, embedded.get(row[0]))
            for row, record in zip(rows, records, strict=True)
            if record is not None and (moment is None or is_visible(record, moment))
        }

    def scopes(self, scope: Scope, ids: Sequence[str]) -> dict[str, Scope]:
        """See `MemoryBackend.scopes`."""
        with self._reading():
            spaces = packed(self.spaces_of(scope))
            rows: list[Any] = []
            for start in range(0, len(ids), _ASKED_AT_ONCE):
                some = ids[start : start + _ASKED_AT_ONCE]
                rows += self._db.execute(
                    "SELECT r.row, r.id, r.space, r.session FROM record r"
                    f" WHERE r.id IN ({','.join('?' * len(some))}) AND {within()}{in_session(scope)}",
                    (*some, spaces, *session_value(scope)),
                )
            own = {space: self.scope_of(space) for space in {row[2] for row in rows}}
        # An id that was imported twice means the record that came first.
        return {
            id: msgspec.structs.replace(own[space], session=session)
            for _, id, space, session in sorted(rows, reverse=True)
        }

    def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        """See `MemoryBackend.query`."""
        found: dict[int, Record] = {}
        # What was retracted since may have been known then, so the past is not asked of the columns of today.
        index, tests, values = passing(msgspec.structs.replace(where, retired=where.retired or bool(moment.known_at)))
        with self._reading():
            spaces = self.spaces_of(scope)
            last: int | None = after or 0
            while True:
                rows = self._db.execute(
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
        self.make_room(schema.SMALL_CACHE)
        with self._reading():
            self._renew()
            spaces = [self._loaded(space) for space in self.spaces_of(scope)]
            if not spaces:
                return []
            found = finished(Finder(SqliteSource(self._db), spaces).search(scope, probe))
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
            spaces = self.spaces_of(scope)
            one = "" if id is None else " AND l.id = ?"
            # Entries of an erased record have no session any more: a scope with a session does not show them.
            rows = self._db.execute(
                "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, r.content"
                " FROM log l LEFT JOIN record r ON r.space = l.space AND r.doc = l.doc"
                f" WHERE l.cursor > ? AND {within('l')}{in_session(scope)}{one} ORDER BY l.cursor LIMIT ?",
                (after, packed(spaces), *session_value(scope), *(() if id is None else (id,)), limit),
            ).fetchall()
            scopes = {space: self.scope_of(space) for space in {row[2] for row in rows}}
        return [to_change(row, scopes[row[2]]) for row in rows]

    def stats(self, scope: Scope, moment: Moment) -> Stats:
        """See `MemoryBackend.stats`."""
        now = micros(moment.now)
        with self._reading():
            spaces = self.spaces_of(scope)
            rows = self._db.execute(
                "SELECT r.type, count(*), sum(r.retracted IS NULL AND (r.ends IS NULL OR r.ends > ?)"
                " AND (r.forgotten IS NULL OR r.forgotten > ?)"
                f" AND (r.begins <= max(r.recorded, ?) OR r.type = {PLAN})), sum(v.row IS NULL OR v.embedder != ?)"
                " FROM record r LEFT JOIN vector v ON v.row = r.row"
                f" WHERE {within()}{in_session(scope)} GROUP BY r.type",
                (now, now, now, self._embedder or "", packed(spaces), *session_value(scope)),
            ).fetchall()
        size = 0
        if self._path != ":memory:":
            files = (Path(self._path + suffix) for suffix in ("", "-wal"))
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
        self._renew()
        with self._reading():
            rows = self._db.execute(
                "SELECT r.row, r.content FROM record r LEFT JOIN vector v ON v.row = r.row"
                " WHERE r.row > ? AND (v.row IS NULL OR v.embedder != ?) ORDER BY r.row LIMIT ?",
                (self._embedded_up_to, self._embedder or "", limit),
            ).fetchall()
            (last,) = self._db.execute("SELECT ifnull(max(row), 0) FROM record").fetchone()
        self._embedded_up_to = rows[0][0] - 1 if rows else last
        return [(row, speakers.said(record_of(content))) for row, content in rows]

    def _renew(self) -> None:
        """After a rebuild, in whatever process, nothing in memory holds any more."""
        (epoch,) = self._db.execute("PRAGMA user_version").fetchone()
        if epoch != self._epoch:
            self._epoch = epoch
            self._columns.clear()
            self._vectors.clear()
            self._embedded_up_to = 0

    def _loaded(self, space: int) -> tuple[Columns, vectors.Vectors | None]:
        columns = self._columns.get(space)
        if columns is None:
            columns = self._columns[space] = Columns(space)
        finished(columns.catch_up(SqliteSource(self._db)))
        self._columns.move_to_end(space)
        while len(self._columns) > 1 and sum(held.n for held in self._columns.values()) > _MOST_CACHED:
            old, _ = self._columns.popitem(last=False)
            self._vectors.pop(old, None)
        if self._embedder is None:
            return columns, None
        held = self._vectors.get(space)
        if held is None:
            held = self._vectors[space] = vectors.Vectors(self._db, columns, self._embedder)
        held.catch_up()
        return columns, held

    def _known(self, row: Any, moment: Moment | None) -> Record | None:
        """The record of a row as it was known at the moment; None when it was not there yet."""
        if moment is None or moment.known_at is None:
            return to_record(row)
        known = micros(moment.known_at)
        if row[5] > known:
            return None
        (later,) = self._db.execute(
            "SELECT count(*) FROM log WHERE id = ? AND space = ? AND op > 0 AND at > ?", (row[3], row[1], known)
        ).fetchone()
        if not later:
            return to_record(row)
        entries = self._db.execute(
            "SELECT l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason, NULL"
            " FROM log l WHERE l.id = ? AND l.space = ? AND l.op > 0 ORDER BY l.cursor",
            (row[3], row[1]),
        ).fetchall()
        scope = self.scope_of(row[1])
        first = Change(op="put", id=row[3], scope=scope, at=instant(row[5]), record=record_of(row[9]))
        return fold([first, *(to_change(entry, scope) for entry in entries)], moment.known_at)

    def _embedded(self, rows: Sequence[int]) -> Mapping[int, str]:
        if self._embedder is None or not rows:
            return {}
        found: dict[int, str] = {}
        for start in range(0, len(rows), 1_000):
            some = rows[start : start + 1_000]
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT row, embedder FROM vector WHERE row IN ({marks})", some).fetchall())
        return found

    def rows_of(self, scope: Scope, ids: Sequence[str]) -> list[Any]:
        """The rows of `STATE` of those records that are in the scope."""
        spaces = self.spaces_of(scope)
        found = {}
        for id in ids:
            row = self._db.execute(
                f"SELECT {STATE} FROM record r WHERE r.id = ? AND {within()}{in_session(scope)}",
                (id, packed(spaces), *session_value(scope)),
            ).fetchone()
            if row is not None:
                found[row[0]] = row
        return list(found.values())

    def with_derived(self, scope: Scope, rows: Sequence[Any]) -> list[Any]:
        """Rows of `STATE`, and those of everything in the tenant that was derived from them."""
        scopes = {space: self.scope_of(space) for space in self.spaces_of(Scope(tenant=scope.tenant))}
        select = f"SELECT {STATE} FROM record r WHERE instr(r.content, ?) AND {within()} ORDER BY r.row"
        found = {row[0]: row for row in rows}
        fresh = list(rows)
        while fresh:
            gone: dict[str, list[Scope]] = {}
            for row in fresh:
                gone.setdefault(row[3], []).append(scopes[row[1]])
            fresh = [
                row
                for row in self._db.execute(select, (SOURCES, packed([*scopes])))
                if row[0] not in found and comes_from(row[9], scopes[row[1]], gone)
            ]
            found |= {row[0]: row for row in fresh}
        return list(found.values())

    def _by_row(self, rows: Sequence[int]) -> list[Any]:
        return [self._db.execute(f"SELECT {STATE} FROM record r WHERE r.row = ?", (row,)).fetchone() for row in rows]

    def spaces_of(self, scope: Scope) -> list[int]:
        """The spaces of a scope: those of its tenant that agree with every field it sets."""
        tests, values = ["tenant = ?"], [scope.tenant]
        for name in ("user", "agent", "project"):
            if (value := getattr(scope, name)) is not None:
                tests.append(f"{name} = ?")
                values.append(value)
        found = self._db.execute(f"SELECT space FROM space WHERE {' AND '.join(tests)} ORDER BY space", values)
        return [space for (space,) in found]

    def scope_of(self, space: int) -> Scope:
        """The scope of a space."""
        row = self._db.execute("SELECT tenant, user, agent, project FROM space WHERE space = ?", (space,)).fetchone()
        return Scope(tenant=row[0], user=row[1], agent=row[2], project=row[3])

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
            raise schema.problem(self._path, error) from None
