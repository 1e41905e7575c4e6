"""The inverted index: for a space and a term, the docs that hold it and how often, in packed blobs of numpy's form.

A blob covers 4,096 docs, so an insert rewrites little, and a term of a million records is read in milliseconds.
SQLite's own FTS5 is not used: its statistics are those of all tenants, it cannot count a session's words, and an
`OR` of a few common words takes it a hundred milliseconds at 300,000 records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

POSTING = np.dtype([("doc", "<u4"), ("count", "<u2")])
_CHUNK_BITS = 12
_MOST = 65_535
_APPEND = """
INSERT INTO posting VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = CAST(body || excluded.body AS BLOB)
"""


def add(db: sqlite3.Connection, space: int, docs: Iterable[tuple[int, Mapping[str, int]]]) -> None:
    """Add docs, in ascending order and newer than all there are, with the counts of their terms."""
    grown: dict[tuple[str, int], bytearray] = {}
    for doc, counts in docs:
        chunk = doc >> _CHUNK_BITS
        packed = doc.to_bytes(4, "little")
        for term, count in counts.items():
            body = grown.get((term, chunk))
            if body is None:
                body = grown[term, chunk] = bytearray()
            body += packed
            body += min(count, _MOST).to_bytes(2, "little")
    db.executemany(_APPEND, ((space, term, chunk, bytes(body)) for (term, chunk), body in sorted(grown.items())))


def remove(db: sqlite3.Connection, space: int, doc: int, terms: Iterable[str]) -> None:
    """Take a doc out of its terms' postings; a term that nobody holds any more goes too."""
    chunk = doc >> _CHUNK_BITS
    for term in terms:
        found = db.execute(
            "SELECT body FROM posting WHERE space = ? AND term = ? AND chunk = ?", (space, term, chunk)
        ).fetchone()
        if found is None:
            continue
        entries = np.frombuffer(found[0], POSTING)
        kept = entries[entries["doc"] != doc]
        if len(kept):
            statement = "UPDATE posting SET body = ? WHERE space = ? AND term = ? AND chunk = ?"
            db.execute(statement, (kept.tobytes(), space, term, chunk))
        else:
            db.execute("DELETE FROM posting WHERE space = ? AND term = ? AND chunk = ?", (space, term, chunk))


def read(db: sqlite3.Connection, space: int, term: str, below: int) -> tuple[Any, Any]:
    """The docs (int64) under `below` that hold a term, and how often (float32)."""
    rows = db.execute("SELECT body FROM posting WHERE space = ? AND term = ? ORDER BY chunk", (space, term)).fetchall()
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    entries = np.frombuffer(rows[0][0] if len(rows) == 1 else b"".join(row[0] for row in rows), POSTING)
    docs = entries["doc"].astype(np.int64)
    counts = entries["count"].astype(np.float32)
    if len(docs) and docs[-1] >= below:
        known = docs < below
        return docs[known], counts[known]
    return docs, counts
