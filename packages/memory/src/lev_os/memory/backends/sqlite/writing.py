"""The puts of one transaction: what is there already, and the rest in bunches."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...errors import Conflict
from ...instants import micros
from ...lifecycle import content_of, digest_of
from ...search import speakers, words
from ...search.fields import COLUMNS, NULLABLE, columns_of, terms_of
from ...search.postings import Gathered
from ...types import Change, Record, Scope
from . import postings

LOG = "INSERT INTO log (op, space, doc, id, at, superseded_by, ends, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_NONE = 0.5
"""Stands for None, as no text and no integer is it: Python's `sqlite3` takes several times as long to bind None, bool
and bytes as it takes for numbers, text and bytearray, since it looks for an adapter each time."""
_VALUES = ", ".join(f"nullif(?, {_NONE})" if name in NULLABLE else "?" for name in COLUMNS)
_INSERT = f"INSERT INTO record ({', '.join(COLUMNS)}) VALUES ({_VALUES})"
_LOG_PUTS = (
    "INSERT INTO log (op, space, doc, id, at) SELECT 0, space, doc, id, recorded FROM record WHERE row > ? ORDER BY row"
)
_LOG_REASON = "UPDATE log SET reason = ? WHERE id = ? AND space = ? AND op = 0"
_AT_ONCE = 500
TAIL = 256
"""So many docs of a space may wait for their postings: a search reads them itself, and a single put stays cheap."""


class _Space:
    def __init__(self, number: int, docs: int, indexed: int) -> None:
        self.number = number
        self.docs = docs
        self.indexed = indexed
        self.gathered = Gathered()
        self.waiting = 0


class Writer:
    """Takes puts in; `flush` writes them. What it `imports` keeps its times, and stands beside its like."""

    def __init__(self, db: sqlite3.Connection, latest: int, *, imports: bool = False) -> None:
        self._imports = imports
        self._db = db
        self._latest = latest
        self._seen: datetime | None = None
        self._spaces: dict[tuple[str, str | None, str | None, str | None], _Space] = {}
        self._records: list[tuple[Any, ...]] = []
        self._reasons: list[tuple[str, str, int]] = []
        self._there: dict[tuple[int, bytes], str] = {}

    def at(self, change: Change) -> int:
        """The change's time, not before any in the log; an imported one's own."""
        if self._imports:
            return micros(change.at)
        if change.at is not self._seen:  # those of one call share their time
            self._seen = change.at
            self._latest = max(self._latest, micros(change.at))
        return self._latest

    def put(self, changes: Sequence[Change]) -> list[str]:
        """Take in the records that are not there; answers an id for each."""
        for change in changes[:1]:
            self.at(change)
        ids: list[str] = []
        for start in range(0, len(changes), _AT_ONCE):
            given = []
            for change in changes[start : start + _AT_ONCE]:
                assert change.record is not None
                content = content_of(change.record)
                given.append((change, change.record, content, digest_of(content), self._space(change.scope)))
            self._look_up([(space.number, digest) for *_, digest, space in given])
            ids += [self._put(*one) for one in given]
        return ids

    def flush(self) -> None:
        """Write what was taken in. Raises `Conflict` when an id is taken."""
        if self._records:
            last = self._db.execute("SELECT ifnull(max(row), 0) FROM record").fetchone()
            try:
                self._db.executemany(_INSERT, self._records)
            except sqlite3.IntegrityError:
                raise Conflict("an id is taken by another record", help="leave ids to memory") from None
            self._db.execute(_LOG_PUTS, last)
            self._db.executemany(_LOG_REASON, self._reasons)
        for space in self._spaces.values():
            if space.docs - space.indexed > TAIL:
                self._add_tail(space)
                postings.write(self._db, space.number, space.gathered)
                space.indexed = space.docs
            space.gathered, space.waiting = Gathered(), 0
        self._db.executemany(
            "UPDATE space SET docs = ?, indexed = ? WHERE space = ?",
            ((space.docs, space.indexed, space.number) for space in self._spaces.values()),
        )
        self._records.clear()
        self._reasons.clear()
        self._there.clear()

    def _put(self, change: Change, record: Record, content: bytes, digest: bytes, space: _Space) -> str:
        key = (space.number, digest)
        there = self._there.get(key)
        if there is not None and not self._imports:
            return there
        at = self.at(change)
        doc = space.docs
        space.docs += 1
        speaker = speakers.speaker_of(record)
        terms = words.terms(speakers.indexed_text(record, speaker))
        space.gathered.add(doc, terms)
        space.waiting += 1
        live = 1 if there is None else 2
        hashed, kept = bytearray(digest), bytearray(content)
        self._records.append(
            columns_of(record, change.id, space.number, doc, hashed, live, speaker, len(terms), at, kept, _NONE)
        )
        if change.reason is not None:
            self._reasons.append((change.reason, change.id, space.number))
        self._there.setdefault(key, change.id)
        return change.id

    def space(self, scope: Scope) -> int:
        """The number of a scope's space, made when there is none."""
        return self._space(scope).number

    def _add_tail(self, space: _Space) -> None:
        """The docs of earlier transactions that wait for their postings."""
        found = self._db.execute(
            "SELECT doc, content FROM record WHERE space = ? AND doc >= ? AND doc < ?",
            (space.number, space.indexed, space.docs - space.waiting),
        )
        for doc, content in found:
            space.gathered.add(doc, terms_of(content))

    def _look_up(self, keys: Sequence[tuple[int, bytes]]) -> None:
        """Note which contents are there already."""
        for number in {number for number, _ in keys}:
            digests = [digest for other, digest in keys if other == number]
            marks = ",".join("?" * len(digests))
            statement = (
                f"SELECT hash, id, row, forgotten FROM record WHERE space = ? AND live = 1 AND hash IN ({marks})"
            )
            for digest, id, row, forgotten in self._db.execute(statement, (number, *digests)).fetchall():
                if forgotten is not None and forgotten <= self._latest:  # its time is over, so this is a new one
                    self._db.execute("UPDATE record SET live = 0 WHERE row = ?", (row,))
                else:
                    self._there[number, digest] = id

    def _space(self, scope: Scope) -> _Space:
        """The space of a scope, made when there is none."""
        key = (scope.tenant, scope.user, scope.agent, scope.project)
        found = self._spaces.get(key)
        if found is None:
            select = (
                "SELECT space, docs, indexed FROM space WHERE tenant = ? AND user IS ? AND agent IS ? AND project IS ?"
            )
            row = self._db.execute(select, key).fetchone()
            if row is None:
                self._db.execute("INSERT INTO space (tenant, user, agent, project) VALUES (?, ?, ?, ?)", key)
                row = self._db.execute(select, key).fetchone()
            found = self._spaces[key] = _Space(*row)
        return found
