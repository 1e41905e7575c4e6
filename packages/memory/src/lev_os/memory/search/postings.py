"""The inverted index: for a space and a term, the docs that hold it and how often, in packed blobs of numpy's form.

A blob covers 16,384 docs, so an insert rewrites little, and a term of a million records is read in milliseconds. A
store keeps the blobs under space, term and chunk, and appends to them. Full-text indexes of databases are not used:
their statistics are those of all tenants, they cannot count a session's words, and an `OR` of a few common words takes
SQLite's a hundred milliseconds at 300,000 records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import StoreProblem

POSTING = np.dtype([("doc", "<u4"), ("count", "<u2")])
CHUNK_BITS = 14
_MOST = 65_535


class Gathered:
    """The terms of docs, to be written all at once."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self._docs: list[int] = []
        self._lengths: list[int] = []

    def add(self, doc: int, terms: Sequence[str]) -> None:
        """Take in a doc that has no postings yet; `terms` in any order, with repetitions."""
        self._terms += terms
        self._docs.append(doc)
        self._lengths.append(len(terms))

    def blobs(self) -> Iterator[tuple[int, str, bytearray]]:
        """What to append: chunk, term and blob, in this order. The docs must be newer than those there."""
        if not self._terms:
            return
        names = sorted(set(self._terms))
        width = len(names).bit_length()
        places = dict(zip(names, range(len(names)), strict=True))
        terms = np.fromiter(map(places.__getitem__, self._terms), np.int64, len(self._terms))
        docs = np.repeat(np.array(self._docs, np.int64), self._lengths)
        within = (1 << CHUNK_BITS) - 1
        # Chunk, term and doc in one number, so that sorting them is sorting numbers.
        keys = ((docs >> CHUNK_BITS) << width | terms) << CHUNK_BITS | docs & within
        keys, counts = np.unique(keys, return_counts=True)
        blobs = keys >> CHUNK_BITS
        found = np.empty(len(keys), POSTING)
        found["doc"] = (blobs >> width) << CHUNK_BITS | keys & within
        found["count"] = np.minimum(counts, _MOST)
        edges = (np.flatnonzero(blobs[1:] != blobs[:-1]) + 1).tolist()
        data, size, mask = bytearray(found), POSTING.itemsize, (1 << width) - 1
        for key, start, end in zip(blobs[[0, *edges]].tolist(), [0, *edges], [*edges, len(found)], strict=True):
            yield key >> width, names[key & mask], data[start * size : end * size]


def chunk_of(doc: int) -> int:
    """The chunk that holds a doc's postings."""
    return doc >> CHUNK_BITS


def count(body: bytes) -> int:
    """How many docs a blob names."""
    return len(body) // POSTING.itemsize


def without(body: bytes, doc: int) -> bytes:
    """A blob without a doc."""
    entries = np.frombuffer(body, POSTING)
    return bytes(entries[entries["doc"] != doc].tobytes())


def decode(term: str, body: bytes, tail: Sequence[tuple[int, int]], below: int) -> tuple[Any, Any]:
    """The docs (int64) under `below` that hold a term, and how often (float32); `tail` has those without postings."""
    if tail:
        body += np.array([(doc, min(count, _MOST)) for doc, count in tail], POSTING).tobytes()
    try:
        entries = np.frombuffer(body, POSTING)
    except ValueError:
        raise StoreProblem(f"the index of {term!r} is damaged", help="`lev memory reindex` makes it again") from None
    docs = entries["doc"].astype(np.int64)
    counts = entries["count"].astype(np.float32)
    if len(docs) and docs[-1] >= below:
        known = docs < below
        return docs[known], counts[known]
    return docs, counts
