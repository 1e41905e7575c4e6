"""The postings of a store, in its table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

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
        key = (space, chunk_of(doc), term)
        test = "WHERE space = ? AND chunk = ? AND term = ?"
        found = db.execute(f"SELECT body FROM posting {test}", key).fetchone()
        if found is None:
            continue
        kept = without(found[0], doc)
        if not kept:
            db.execute(f"DELETE FROM posting {test}", key)
        elif len(kept) < len(found[0]):
            db.execute(f"UPDATE posting SET body = ? {test}", (kept, *key))


def read(db: sqlite3.Connection, space: int, docs: int, terms: Sequence[str]) -> dict[str, bytes]:
    """The blobs of the terms that have any, one behind the other, of a space with so many docs."""
    found = db.execute(f"SELECT term, body FROM posting WHERE {_of(docs, terms)} ORDER BY chunk", (space, *terms))
    bodies: dict[str, list[bytes]] = {}
    for term, body in found:
        bodies.setdefault(term, []).append(body)
    return {term: some[0] if len(some) == 1 else b"".join(some) for term, some in bodies.items()}


def holders(db: sqlite3.Connection, space: int, docs: int, terms: Sequence[str]) -> dict[str, int]:
    """About how many docs hold each term, without reading which."""
    statement = f"SELECT term, sum(length(body)) FROM posting WHERE {_of(docs, terms)} GROUP BY term"
    return {term: size // POSTING.itemsize for term, size in db.execute(statement, (space, *terms))}


def _of(docs: int, terms: Sequence[str]) -> str:
    """The test for a space and some terms in every chunk: each is looked up, where a range would be read."""
    chunks = ", ".join(map(str, range(chunk_of(docs) + 1)))
    return f"space = ? AND chunk IN ({chunks}) AND term IN ({', '.join('?' * len(terms))})"
