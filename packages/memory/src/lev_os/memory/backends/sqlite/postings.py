"""The inverted index: for a space and a term, the docs that hold it and how often, in packed blobs of numpy's form.

A blob covers 4,096 docs, so an insert rewrites little, and a term of a million records is read in milliseconds.
SQLite's own FTS5 is not used: its statistics are those of all tenants, it cannot count a session's words, and an
`OR` of a few common words takes it a hundred milliseconds at 300,000 records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import StoreProblem

POSTING = np.dtype([("doc", "<u4"), ("count", "<u2")])
_CHUNK_BITS = 12
_MOST = 65_535
_APPEND = """
INSERT INTO posting VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = CAST(body || excluded.body AS BLOB)
"""


def add(db: sqlite3.Connection, space: int, docs: Iterable[tuple[int, Mapping[str, int]]]) -> None:
    """Add docs, in ascending order and newer than all there are, with the counts of their terms."""
    grown: dict[tuple[int, str], bytearray] = {}
    for doc, counts in docs:
        chunk = doc >> _CHUNK_BITS
        packed = doc.to_bytes(4, "little")
        once = packed + b"\1\0"
        for term, count in counts.items():
            body = grown.get((chunk, term))
            if body is None:
                body = grown[chunk, term] = bytearray()
            body += once if count == 1 else packed + min(count, _MOST).to_bytes(2, "little")
    entries = ((space, term, chunk, bytes(body)) for (chunk, term), body in sorted(grown.items()))
    db.executemany(_APPEND, entries)


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
        if len(kept) == len(entries):
            continue
        if len(kept):
            statement = "UPDATE posting SET body = ? WHERE space = ? AND term = ? AND chunk = ?"
            db.execute(statement, (kept.tobytes(), space, term, chunk))
        else:
            db.execute("DELETE FROM posting WHERE space = ? AND term = ? AND chunk = ?", (space, term, chunk))


def read(
    db: sqlite3.Connection, space: int, term: str, tail: Sequence[tuple[int, int]] | None, below: int
) -> tuple[Any, Any]:
    """The docs (int64) under `below` that hold a term, and how often (float32); `tail` has those without postings."""
    rows = db.execute("SELECT body FROM posting WHERE space = ? AND term = ? ORDER BY chunk", (space, term)).fetchall()
    bodies = [row[0] for row in rows]
    if tail:
        bodies.append(np.array(tail, POSTING).tobytes())
    try:
        entries = np.frombuffer(bodies[0] if len(bodies) == 1 else b"".join(bodies), POSTING)
    except ValueError:
        raise StoreProblem(f"the index of {term!r} is damaged", help="`lev memory reindex` makes it again") from None
    docs = entries["doc"].astype(np.int64)
    counts = entries["count"].astype(np.float32)
    if len(docs) and docs[-1] >= below:
        known = docs < below
        return docs[known], counts[known]
    return docs, counts


def holders(db: sqlite3.Connection, space: int, term: str) -> int:
    """About how many docs hold a term, without reading which."""
    statement = "SELECT ifnull(sum(length(body)), 0) FROM posting WHERE space = ? AND term = ?"
    return int(db.execute(statement, (space, term)).fetchone()[0]) // POSTING.itemsize
