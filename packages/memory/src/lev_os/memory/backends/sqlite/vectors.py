"""The vectors of a space: all of them in memory up to a size, above it their signs alone.

The sign of every component makes a sketch of one bit a dimension. Its Hamming distance picks a thousand records, whose
vectors are then read from the store and compared exactly. A million records of 384 dimensions take 48 MB.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import numpy as np

from ...search.columns import Columns
from ...search.ranking import best, distinct

EXACT = 32_768
"""Up to so many docs, every vector is compared."""
RERANKED = 1_000
_EXACT_NEAR = 500
_BLOCK = 65_536
_SUMMED = 3
"""So many words of 64 bits differ in no more bits than a byte counts to."""
_STORED = np.dtype("<f2")
_FLOATS = np.arange(1 << 16, dtype="<u2").view(_STORED).astype(np.float32)
"""Every number of two bytes: to look one up takes half as long as to convert it."""
_FAR = np.iinfo(np.uint16).max


def store(db: sqlite3.Connection, embedder: str, rows: list[int], vectors: Any) -> None:
    """Keep one vector (float32, length one) a row, and its sketch."""
    half = np.ascontiguousarray(vectors, dtype=_STORED)
    bits = _sketch(half)
    db.executemany(
        "INSERT OR REPLACE INTO vector SELECT row, ?, ? FROM record WHERE row = ?",
        ((embedder, half[i].tobytes(), row) for i, row in enumerate(rows)),
    )
    db.executemany(
        "INSERT OR REPLACE INTO sketch SELECT row, ? FROM record WHERE row = ?",
        ((bits[i].tobytes(), row) for i, row in enumerate(rows)),
    )


class Vectors:
    """The vectors of one embedder in one space; see `search.source.Meanings`. `has` tells which docs have one."""

    def __init__(self, db: sqlite3.Connection, columns: Columns, embedder: str) -> None:
        self._db = db
        self._columns = columns
        self._embedder = embedder
        self.has = np.zeros(0, np.bool_)
        self._matrix: Any = np.zeros((0, 0), np.float32)
        self._sketches: Any = None
        self._read = 0

    def catch_up(self) -> None:
        """Read the vectors of docs that have none here yet."""
        docs = self._columns.n
        large = docs > EXACT
        if large and self._sketches is None:
            self._matrix = np.zeros((0, 0), np.float32)
            self.has = np.zeros(0, np.bool_)
        if len(self.has) < docs:
            room = max(docs, len(self.has) + (len(self.has) >> 4))
            grown = np.zeros(room, np.bool_)
            grown[: len(self.has)] = self.has
            self.has = grown
        there = self.has[:docs]
        if there.all():
            return
        first, last = int(there.argmin()), docs - 1 - int(there[::-1].argmin())
        table = "sketch" if large else "vector"
        join = "" if table == "vector" else "JOIN sketch s ON s.row = r.row"
        body = "s.body" if large else "v.body"
        found = self._db.execute(
            f"SELECT r.doc, {body} FROM record r JOIN vector v ON v.row = r.row {join}"
            " WHERE r.space = ? AND r.doc BETWEEN ? AND ? AND v.embedder = ? ORDER BY r.doc",
            (self._columns.space, first, last, self._embedder),
        )
        while rows := found.fetchmany(1_000):
            places = np.array([row[0] for row in rows], np.int64)
            joined = b"".join(row[1] for row in rows)
            if large:
                self._keep_sketches(places, np.frombuffer(joined, np.uint64).reshape(len(rows), -1))
            else:
                self._keep_vectors(places, np.frombuffer(joined, _STORED).reshape(len(rows), -1))
            self.has[places] = True
        # Docs that wait for their vectors have room too: a search does not wait for them.
        none = np.zeros(0, np.int64)
        if self._sketches is not None:
            self._keep_sketches(none, np.zeros((0, len(self._sketches)), np.uint64))
        elif self._matrix.size:
            self._keep_vectors(none, np.zeros((0, self._matrix.shape[1]), np.float32))

    def forget(self, doc: int) -> None:
        """The doc has gone, or its vector is to be read again."""
        if doc < len(self.has):
            self.has[doc] = False

    async def every(self, query: Any, docs: int) -> Any | None:
        return self._cosines(query, docs)

    def _cosines(self, query: Any, docs: int) -> Any | None:
        if self._sketches is not None or not self._matrix.size:
            return None
        found = _products(self._matrix[:docs], query)
        found[~self.has[:docs]] = 0
        return found

    async def nearest(self, query: Any, allowed: Any) -> Any:
        """Some `RERANKED` docs, by their sketches."""
        count = len(allowed)
        if self._sketches is None:
            cosines = self._cosines(query, count)
            able = np.flatnonzero(allowed & self.has[:count])
            if cosines is None or len(able) <= RERANKED:
                return able
            return able[np.argpartition(-cosines[able], RERANKED)[:RERANKED]]
        distances = self._distances(query, count)
        able = allowed & self.has[:count]
        if not able.all():
            distances[~able] = _FAR
        sample = np.sort(distances[:: max(count // 10_000, 1)], kind="stable")  # by radix, so much faster
        guess = max(3 * RERANKED * len(sample) // count, 1)
        while True:
            limit = min(int(sample[min(guess, len(sample) - 1)]), _FAR - 1)
            near = np.flatnonzero(distances <= limit)
            if len(near) >= RERANKED or limit == _FAR - 1:
                break
            guess *= 4
            if guess >= len(sample):
                sample = np.append(sample, _FAR)
        if len(near) > RERANKED:
            near = near[np.argpartition(distances[near], RERANKED)[:RERANKED]]
        return near

    async def some(self, query: Any, docs: Any, surely: Any) -> Any:
        found = self._estimate(query, docs)
        order = distinct(np.concatenate((best(found, _EXACT_NEAR), np.flatnonzero(surely))))
        exact = self._exactly(query, self._columns.rows[docs[order]])
        found[order] = np.where(np.isnan(exact), found[order], exact)
        return found

    def _estimate(self, query: Any, docs: Any) -> Any:
        """The cosines of some docs: exact while vectors are in memory, else judged by their sketches."""
        if self._sketches is None:
            return _products(self._matrix[docs], query) if self._matrix.size else np.zeros(len(docs), np.float32)
        wanted = _sketch(query.astype(_STORED)[None])[0]
        differing = np.bitwise_count(self._sketches.take(docs, axis=1) ^ wanted[:, None])
        angles = differing.sum(axis=0, dtype=np.uint16) * (np.pi / len(query))
        return np.where(self.has[docs], np.cos(angles), 0).astype(np.float32)

    def _exactly(self, query: Any, rows: Any) -> Any:
        """The cosines of ascending rows, read from the store; NaN where there is no vector."""
        found = np.full(len(rows), np.nan, np.float32)
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500].tolist()
            marks = ",".join("?" * len(some))
            statement = f"SELECT row, body FROM vector WHERE row IN ({marks}) AND embedder = ?"
            got = self._db.execute(statement, (*some, self._embedder)).fetchall()
            if got:
                there, bodies = zip(*got, strict=True)
                matrix = _FLOATS.take(np.frombuffer(b"".join(bodies), "<u2")).reshape(len(got), -1)
                found[np.searchsorted(rows, there)] = _products(matrix, query)
        return found

    def _distances(self, query: Any, docs: int) -> Any:
        wanted = _sketch(query.astype(_STORED)[None])[0]
        distances = np.empty(docs, np.uint16)
        room = min(_BLOCK, docs)
        differing, counts, sums = np.empty(room, np.uint64), np.empty(room, np.uint8), np.empty(room, np.uint8)
        for start in range(0, docs, _BLOCK):
            end = min(start + _BLOCK, docs)
            other, count, total = (buffer[: end - start] for buffer in (differing, counts, sums))
            part = distances[start:end]
            part[:] = 0
            for first in range(0, len(wanted), _SUMMED):
                total[:] = 0
                for n in range(first, min(first + _SUMMED, len(wanted))):
                    np.bitwise_xor(self._sketches[n, start:end], wanted[n], out=other)
                    np.add(total, np.bitwise_count(other, out=count), out=total)
                np.add(part, total, out=part)
        return distances

    def _keep_vectors(self, places: Any, vectors: Any) -> None:
        if len(self._matrix) < len(self.has) or self._matrix.shape[1] != vectors.shape[1]:
            grown = np.zeros((len(self.has), vectors.shape[1]), np.float32)
            if self._matrix.shape[1] == vectors.shape[1]:
                grown[: len(self._matrix)] = self._matrix
            self._matrix = grown
        self._matrix[places] = vectors

    def _keep_sketches(self, places: Any, sketches: Any) -> None:
        if self._sketches is None or self._sketches.shape[1] < len(self.has):
            grown = np.zeros((sketches.shape[1], len(self.has)), np.uint64)
            if self._sketches is not None:
                grown[:, : self._sketches.shape[1]] = self._sketches
            self._sketches = grown
        self._sketches[:, places] = sketches.T


def _products(matrix: Any, query: Any) -> Any:
    """`matrix @ query`, which would start threads and wait for them."""
    return np.einsum("ij,j->i", matrix, query)


def _sketch(vectors: Any) -> Any:
    """The signs of vectors as rows of uint64; dimensions are padded to a multiple of 64."""
    bits = np.packbits(vectors > 0, axis=1)
    if short := -bits.shape[1] % 8:
        bits = np.pad(bits, ((0, 0), (0, short)))
    return np.ascontiguousarray(bits).view(np.uint64)
