"""The inverted index: for a space and a term, the docs that hold it and how often, in packed blobs of numpy's form.

A blob covers 4,096 docs, so an insert rewrites little, and a term of a million records is read in milliseconds.
SQLite's own FTS5 is not used: its statistics are those of all tenants, it cannot count a session's words, and an
`OR` of a few common words takes it a hundred milliseconds at 300,000 records.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
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


class Gathered:
    """The terms of docs, to be written all at once."""

    def __init__(self) -> None:
        self._codes = _Codes()
        self._terms: list[int] = []
        self._docs: list[int] = []
        self._lengths: list[int] = []

    def add(self, doc: int, terms: Sequence[str]) -> None:
        """Take in a doc that has no postings yet; `terms` in any order, with repetitions."""
        codes = self._codes
        self._terms += [codes[term] for term in terms]
        self._docs.append(doc)
        self._lengths.append(len(terms))

    def write(self, db: sqlite3.Connection, space: int) -> None:
        """Write the postings of all docs; they must be newer than those that have some."""
        if not self._terms:
            return
        # Sorted by term in the order of the table, which is also that in which SQLite inserts fastest.
        names = sorted(self._codes)
        place = np.empty(len(names), np.int64)
        place[[self._codes[name] for name in names]] = np.arange(len(names))
        docs = np.repeat(np.array(self._docs, np.int64), self._lengths)
        pairs, counts = np.unique(place[self._terms] << 32 | docs, return_counts=True)
        found = np.empty(len(pairs), POSTING)
        found["doc"], found["count"] = pairs & 0xFFFFFFFF, np.minimum(counts, _MOST)
        keys = pairs >> 32 << 20 | (pairs & 0xFFFFFFFF) >> _CHUNK_BITS
        edges = (np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist()
        data, size = found.tobytes(), POSTING.itemsize
        rows = zip(keys[[0, *edges]].tolist(), [0, *edges], [*edges, len(found)], strict=True)
        db.executemany(
            _APPEND,
            ((space, names[key >> 20], key & 0xFFFFF, data[start * size : end * size]) for key, start, end in rows),
        )


class _Codes(dict[str, int]):
    """Terms, numbered as they come."""

    def __missing__(self, term: str) -> int:
        self[term] = code = len(self)
        return code


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
