"""The inverted index: for a space and a term, the docs that hold it and how often, in packed blobs of numpy's form.

A blob covers 4,096 docs, so an insert rewrites little, and a term of a million records is read in milliseconds. A
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
_CHUNK_BITS = 12
_MOST = 65_535


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

    def blobs(self) -> Iterator[tuple[str, int, bytes]]:
        """What to append: term, chunk and blob, in the order of terms. The docs must be newer than those there."""
        if not self._terms:
            return
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
        for key, start, end in zip(keys[[0, *edges]].tolist(), [0, *edges], [*edges, len(found)], strict=True):
            yield names[key >> 20], key & 0xFFFFF, data[start * size : end * size]


class _Codes(dict[str, int]):
    """Terms, numbered as they come."""

    def __missing__(self, term: str) -> int:
        self[term] = code = len(self)
        return code


def chunk_of(doc: int) -> int:
    """The chunk that holds a doc's postings."""
    return doc >> _CHUNK_BITS


def without(body: bytes, doc: int) -> bytes:
    """A blob without a doc."""
    entries = np.frombuffer(body, POSTING)
    return bytes(entries[entries["doc"] != doc].tobytes())


def decode(term: str, body: bytes, tail: Sequence[tuple[int, int]], below: int) -> tuple[Any, Any]:
    """The docs (int64) under `below` that hold a term, and how often (float32); `tail` has those without postings."""
    if tail:
        body += np.array(tail, POSTING).tobytes()
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
