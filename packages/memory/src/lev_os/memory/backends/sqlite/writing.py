"""The puts of one transaction: what is there already, and the rest in bunches."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from ...errors import Conflict
from ...lifecycle import content_of, hash_of
from ...search import speakers, words
from ...types import MEMORY_TYPES, Change, Record, Scope
from . import postings
from .times import micros

LOG = "INSERT INTO log (op, space, doc, id, at, superseded_by, ends, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"INSERT INTO record VALUES ({', '.join('?' * 25)})"


class Writer:
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
        self._db.executemany(LOG, self._entries)
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
        record.role, speaker, record.subject, record.predicate, record.pinned, record.trust,
        speakers.asks(record), sum(counts.values()), at,
        at if record.valid_from is None else micros(record.valid_from),
        None if record.valid_to is None else micros(record.valid_to),
        None, None if record.ttl is None else at + round(record.ttl * 1_000_000), None, content,
    )  # fmt: skip
