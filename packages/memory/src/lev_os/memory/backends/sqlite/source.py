"""What a search asks of a SQLite store; see `search.source.Source`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ...instants import micros
from ...lifecycle import record_of
from ...search.source import FIELDS, state_at
from . import postings, vectors


class SqliteSource:
    """Answers at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.exact = vectors.EXACT

    async def state(self, space: int) -> tuple[int | None, int, int]:
        (latest,) = self._db.execute("SELECT max(cursor) FROM log WHERE space = ?", (space,)).fetchone()
        found = self._db.execute("SELECT docs, indexed FROM space WHERE space = ?", (space,)).fetchone()
        return latest, *(found or (0, 0))

    async def changed(self, space: int, after: int, below: int) -> list[int]:
        found = self._db.execute(
            "SELECT DISTINCT doc FROM log WHERE space = ? AND cursor > ? AND op > 0 AND doc BETWEEN 0 AND ?",
            (space, after, below - 1),
        )
        return [doc for (doc,) in found]

    async def fields(self, space: int, start: int, end: int) -> list[Any]:
        statement = f"SELECT {FIELDS} FROM record WHERE space = ? AND doc >= ? AND doc < ? ORDER BY doc"
        return self._db.execute(statement, (space, start, end)).fetchall()

    async def contents(self, space: int, start: int) -> list[tuple[int, bytes]]:
        statement = "SELECT doc, content FROM record WHERE space = ? AND doc >= ? ORDER BY doc"
        return self._db.execute(statement, (space, start)).fetchall()

    async def session(self, space: int, session: str, below: int) -> list[tuple[int, int | None]]:
        return self._db.execute(
            "SELECT doc, sequence FROM record WHERE space = ? AND session = ? AND doc < ?"
            " ORDER BY sequence IS NULL, sequence, row",
            (space, session, below),
        ).fetchall()

    async def holding(self, space: int, below: int, fields: Mapping[str, Any]) -> list[int]:
        tests = " AND ".join(f"{name} = ?" for name in fields)
        statement = f"SELECT doc FROM record WHERE space = ? AND doc < ? AND {tests}"
        return [doc for (doc,) in self._db.execute(statement, (space, below, *fields.values()))]

    async def later(self, space: int, known: int) -> tuple[list[int], list[tuple[int, bool, int | None]]]:
        recorded = self._db.execute("SELECT doc FROM record WHERE space = ? AND recorded > ?", (space, known))
        later = [doc for (doc,) in recorded]
        changed = self._db.execute(
            "SELECT DISTINCT r.doc, r.id, r.content FROM log l JOIN record r ON r.id = l.id AND r.space = l.space"
            " WHERE l.space = ? AND l.op > 0 AND l.at > ?",
            (space, known),
        ).fetchall()
        return later, [(doc, *self._state_at(space, id, content, known)) for doc, id, content in changed]

    async def postings(self, space: int, terms: Sequence[str]) -> dict[str, bytes]:
        return postings.read(self._db, space, self._docs(space), terms)

    async def holders(self, space: int, terms: Sequence[str]) -> dict[str, int]:
        return postings.holders(self._db, space, self._docs(space), terms)

    def _docs(self, space: int) -> int:
        (docs,) = self._db.execute("SELECT docs FROM space WHERE space = ?", (space,)).fetchone()
        return int(docs)

    def _state_at(self, space: int, id: str, content: bytes, known: int) -> tuple[bool, int | None]:
        statement = "SELECT op, ends FROM log WHERE id = ? AND space = ? AND op > 0 AND at <= ? ORDER BY cursor"
        valid_to = record_of(content).valid_to
        changes = self._db.execute(statement, (id, space, known)).fetchall()
        return state_at(None if valid_to is None else micros(valid_to), changes)
