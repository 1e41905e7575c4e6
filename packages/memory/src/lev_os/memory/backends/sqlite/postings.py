"""The postings of a store, in its table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ...search.postings import POSTING, Gathered, chunk_of, without

_APPEND = """
INSERT INTO posting VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = CAST(body || excluded.body AS BLOB)
"""


def write(db: sqlite3.Connection, space: int, gathered: Gathered) -> None:
    """Append the postings of docs; the order of terms is also that in which SQLite inserts fastest."""
    db.executemany(_APPEND, ((space, *blob) for blob in gathered.blobs()))


def remove(db: sqlite3.Connection, space: int, doc: int, terms: Iterable[str]) -> None:
    """Take a doc out of its terms' postings; a term that nobody holds any more goes too."""
    for term in terms:
        key = (space, term, chunk_of(doc))
        test = "WHERE space = ? AND term = ? AND chunk = ?"
        found = db.execute(f"SELECT body FROM posting {test}", key).fetchone()
        if found is None:
            continue
        kept = without(found[0], doc)
        if not kept:
            db.execute(f"DELETE FROM posting {test}", key)
        elif len(kept) < len(found[0]):
            db.execute(f"UPDATE posting SET body = ? {test}", (kept, *key))


def read(db: sqlite3.Connection, space: int, term: str) -> bytes:
    """The blobs of a term, one behind the other."""
    rows = db.execute("SELECT body FROM posting WHERE space = ? AND term = ? ORDER BY chunk", (space, term)).fetchall()
    return rows[0][0] if len(rows) == 1 else b"".join(row[0] for row in rows)


def holders(db: sqlite3.Connection, space: int, term: str) -> int:
    """About how many docs hold a term, without reading which."""
    statement = "SELECT ifnull(sum(length(body)), 0) FROM posting WHERE space = ? AND term = ?"
    return int(db.execute(statement, (space, term)).fetchone()[0]) // POSTING.itemsize
