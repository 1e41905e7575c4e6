"""What a search needs to know of every record of a space, as arrays in memory, kept up with the log."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from .writing import terms_of

NEVER = np.iinfo(np.int64).max
_LONGEST = np.iinfo(np.uint16).max
_MOST_TRUSTS = 150
_FIELDS = "row, doc, type, session, speaker, question, trust, terms, begins, ends, retracted, forgotten, sequence"
_ARRAYS: dict[str, tuple[Any, Any]] = {
    # name: (dtype, what a doc that is not there has)
    "rows": (np.uint32, 0),
    "types": (np.uint8, 255),
    "sessions": (np.int32, -1),
    "speakers": (np.int32, -1),
    "questions": (np.bool_, False),
    "trust": (np.uint8, 0),
    "lengths": (np.uint16, 0),
    "begins": (np.int64, NEVER),
    "gone": (np.bool_, True),
    "before": (np.int32, -1),
    "after": (np.int32, -1),
}


K = TypeVar("K")


class Columns:
    """Arrays indexed by doc; `n` docs are known. `ends` and `forgotten` hold the few docs that have such a time."""

    rows: Any
    types: Any
    sessions: Any
    speakers: Any
    questions: Any
    trust: Any
    lengths: Any
    begins: Any
    gone: Any
    before: Any
    after: Any

    def __init__(self, space: int) -> None:
        self.space = space
        self.n = 0
        self.cursor = 0
        self.ends: dict[int, int] = {}
        self.forgotten: dict[int, int] = {}
        self.session_codes: dict[str, int] = {}
        self.trust_codes: dict[float, int] = {}
        self.speaker_codes: dict[str, int] = {}
        self.tail: dict[str, list[tuple[int, int]]] = {}
        """For the docs without postings: a term, and the docs with their counts."""
        self._session_lengths: Any = np.zeros(0, np.float32)
        self._lengths_at = 0
        self._sessions: list[str] = []
        self._indexed = 0
        self._tail_end = 0
        self._last: dict[int, tuple[int, float]] = {}
        for name, (dtype, empty) in _ARRAYS.items():
            setattr(self, name, np.full(0, empty, dtype))

    def catch_up(self, db: sqlite3.Connection) -> None:
        """Take in what the log says since the last time."""
        (latest,) = db.execute("SELECT max(cursor) FROM log WHERE space = ?", (self.space,)).fetchone()
        if latest is None or latest == self.cursor:
            return
        docs, indexed = db.execute("SELECT docs, indexed FROM space WHERE space = ?", (self.space,)).fetchone()
        changed = db.execute(
            "SELECT DISTINCT doc FROM log WHERE space = ? AND cursor > ? AND op > 0 AND doc BETWEEN 0 AND ?",
            (self.space, self.cursor, self.n - 1),
        ).fetchall()
        select = f"SELECT {_FIELDS} FROM record WHERE space = ? AND doc"
        for (doc,) in changed:
            found = db.execute(f"{select} = ?", (self.space, doc)).fetchone()
            self._forget(db, doc) if found is None else self._refresh(found)
        start = self.n
        self._grow(docs)
        self._take(db, db.execute(f"{select} >= ? ORDER BY doc", (self.space, start)))
        self._read_tail(db, indexed)
        self.cursor = latest

    def session_lengths(self) -> Any:
        """The terms of each session, by code."""
        if self._lengths_at != self.cursor:
            inside = self.sessions[: self.n] >= 0
            codes, lengths = self.sessions[: self.n][inside], self.lengths[: self.n][inside]
            found = np.bincount(codes, weights=lengths, minlength=len(self.session_codes))
            self._session_lengths, self._lengths_at = found.astype(np.float32), self.cursor
        return self._session_lengths

    def _read_tail(self, db: sqlite3.Connection, indexed: int) -> None:
        """Count the terms of docs that have no postings yet."""
        if self._indexed != indexed:
            self._indexed, self._tail_end = indexed, indexed
            self.tail.clear()
        found = db.execute(
            "SELECT doc, content FROM record WHERE space = ? AND doc >= ? ORDER BY doc", (self.space, self._tail_end)
        )
        for doc, content in found:
            for term, count in Counter(terms_of(content)).items():
                self.tail.setdefault(term, []).append((doc, count))
            self._tail_end = doc + 1

    def _grow(self, docs: int) -> None:
        have = len(self.rows)
        if docs > have:
            room = max(docs, have + (have >> 3) + 256)
            for name, (dtype, empty) in _ARRAYS.items():
                grown = np.full(room, empty, dtype)
                grown[: self.n] = getattr(self, name)[: self.n]
                setattr(self, name, grown)
        self.n = max(self.n, docs)

    def _take(self, db: sqlite3.Connection, found: sqlite3.Cursor) -> None:
        tangled: set[str] = set()
        while rows := found.fetchmany(2_000):
            fields = list(zip(*rows, strict=True))
            docs = np.array(fields[1], np.int64)
            self.rows[docs] = fields[0]
            self.types[docs] = fields[2]
            self.trust[docs] = [self._trust_code(trust) for trust in fields[6]]
            self.lengths[docs] = np.minimum(fields[7], _LONGEST)
            self.begins[docs] = fields[8]
            self.gone[docs] = [retracted is not None for retracted in fields[10]]
            self.questions[docs] = fields[5]
            self.speakers[docs] = [_code(self.speaker_codes, name) for name in fields[4]]
            self.sessions[docs] = [_code(self.session_codes, name) for name in fields[3]]
            self._sessions += islice(self.session_codes, len(self._sessions), None)
            self._times(rows)
            places = np.array([np.inf if sequence is None else sequence for sequence in fields[12]], np.float64)
            self._link(docs, places, tangled)
        for session in tangled:
            self._untangle(db, session)

    def _trust_code(self, trust: float) -> int:
        """A small number for a trust, rounded down to hundredths where there are too many to tell apart."""
        if trust not in self.trust_codes and len(self.trust_codes) >= _MOST_TRUSTS:
            trust = math.floor(trust * 100) / 100
        return _code(self.trust_codes, trust)

    def _times(self, rows: Sequence[Any]) -> None:
        for row in rows:
            for times, value in ((self.ends, row[9]), (self.forgotten, row[11])):
                if value is not None:
                    times[row[1]] = value

    def _refresh(self, row: Any) -> None:
        doc = row[1]
        self.gone[doc] = row[10] is not None
        for times, value in ((self.ends, row[9]), (self.forgotten, row[11])):
            times.pop(doc, None)
            if value is not None:
                times[doc] = value

    def _forget(self, db: sqlite3.Connection, doc: int) -> None:
        code = int(self.sessions[doc])
        for name, (_, empty) in _ARRAYS.items():
            getattr(self, name)[doc] = empty
        self.ends.pop(doc, None)
        self.forgotten.pop(doc, None)
        if code >= 0:
            self._untangle(db, self._sessions[code])

    def _link(self, docs: Any, places: Any, tangled: set[str]) -> None:
        """Neighbours within a session; one in which a doc does not come in its order is sorted afterwards."""
        inside = self.sessions[docs] >= 0
        docs, places = docs[inside], places[inside]
        if not len(docs):
            return
        order = np.lexsort((docs, places, self.sessions[docs]))
        docs, places, codes = docs[order], places[order], self.sessions[docs[order]]
        same = codes[1:] == codes[:-1]
        self.before[docs[1:][same]] = docs[:-1][same]
        self.after[docs[:-1][same]] = docs[1:][same]
        first = np.flatnonzero(np.concatenate(([True], ~same)))
        last = np.append(first[1:] - 1, len(docs) - 1)
        for start, end in zip(first.tolist(), last.tolist(), strict=True):
            code = int(codes[start])
            before, reached = self._last.get(code, (-1, float("-inf")))
            if places[start] < reached:
                tangled.add(self._sessions[code])
                continue
            self.before[docs[start]] = before
            if before >= 0:
                self.after[before] = docs[start]
            self._last[code] = (int(docs[end]), float(places[end]))

    def _untangle(self, db: sqlite3.Connection, session: str) -> None:
        found = db.execute(
            "SELECT doc, sequence FROM record WHERE space = ? AND session = ? AND doc < ?"
            " ORDER BY sequence IS NULL, sequence, row",
            (self.space, session, self.n),
        ).fetchall()
        code = self.session_codes[session]
        if not found:
            self._last.pop(code, None)
            return
        docs = np.array([doc for doc, _ in found], np.int64)
        self.before[docs] = np.concatenate(([-1], docs[:-1]))
        self.after[docs] = np.concatenate((docs[1:], [-1]))
        doc, sequence = found[-1]
        self._last[code] = (doc, float("inf") if sequence is None else float(sequence))


def _code(codes: dict[K, int], name: K | None) -> int:
    return -1 if name is None else codes.setdefault(name, len(codes))
