"""What a search needs to know of every record of a space, as arrays in memory, kept up with the log."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from .fields import PLAN, terms_of
from .source import Source

NEVER = np.iinfo(np.int64).max
_LONGEST = np.iinfo(np.uint16).max
_MOST_TRUSTS = 150
_READ_AT_ONCE = 500
_BLOCK = 65_536
_ARRAYS: dict[str, tuple[Any, Any]] = {
    # name: (dtype, what a doc that is not there has)
    "rows": (np.uint32, 0),
    "types": (np.uint8, 255),
    "sessions": (np.int32, -1),
    "speakers": (np.int8, -1),  # wider when there are many
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
    """Arrays indexed by doc; `n` docs are known.

    `ends` and `forgotten` hold the few docs that have such a time, `later` those that begin after they were recorded,
    and `planned` when the plans among them were recorded.
    """

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
        self.later: dict[int, int] = {}
        self.planned: dict[int, int] = {}
        self.session_codes: dict[str, int] = {}
        self.trust_codes: dict[float, int] = {}
        self.speaker_codes: dict[str, int] = {}
        self.tail: dict[str, list[tuple[int, int]]] = {}
        """For the docs without postings: a term, and the docs with their counts."""
        self.common: dict[str, int | None] = {}
        """Terms that were held by very many docs, and by how many; None where that is to be counted again."""
        self._session_lengths: Any = np.zeros(0, np.float32)
        self._lengths_at = 0
        self._total = 0
        self._total_at = 0
        self._sessions: list[str] = []
        self._indexed = 0
        self._tail_end = 0
        self._last_doc: Any = np.zeros(0, np.int32)
        self._last_place: Any = np.zeros(0, np.float64)
        """Of each session, by code: its last doc, -1 for none, and the place of that."""
        for name, (dtype, empty) in _ARRAYS.items():
            setattr(self, name, np.full(0, empty, dtype))

    async def catch_up(self, source: Source) -> None:
        """Take in what the log says since the last time."""
        latest, docs, indexed = await source.state(self.space)
        if latest is None or latest == self.cursor:
            return
        for doc in await source.changed(self.space, self.cursor, self.n):
            found = await source.fields(self.space, doc, doc + 1)
            if found:
                self._refresh(found[0])
            else:
                await self._forget(source, doc)
        start = self.n
        self._grow(docs)
        await self._take(source, start, docs)
        await self._read_tail(source, indexed)
        self.cursor = latest

    def session_lengths(self) -> Any:
        """The terms of each session, by code."""
        if self._lengths_at != self.cursor:
            found = np.zeros(len(self.session_codes))
            for start in range(0, self.n, _BLOCK):  # the whole would need twenty bytes a record for a moment
                codes, lengths = (
                    values[start : min(start + _BLOCK, self.n)] for values in (self.sessions, self.lengths)
                )
                inside = codes >= 0
                found += np.bincount(codes[inside], weights=lengths[inside], minlength=len(found))
            self._session_lengths, self._lengths_at = found.astype(np.float32), self.cursor
        return self._session_lengths

    def total_length(self) -> int:
        """The terms of all docs."""
        if self._total_at != self.cursor:
            self._total, self._total_at = int(self.lengths[: self.n].sum()), self.cursor
        return self._total

    async def _read_tail(self, source: Source, indexed: int) -> None:
        """Count the terms of docs that have no postings yet."""
        if self._indexed != indexed:
            self._indexed, self._tail_end = indexed, indexed
            self.tail.clear()
            self.common = dict.fromkeys(self.common)
        for doc, content in await source.contents(self.space, self._tail_end):
            for term, count in Counter(terms_of(content)).items():
                self.tail.setdefault(term, []).append((doc, count))
            self._tail_end = doc + 1

    def _grow(self, docs: int) -> None:
        have = len(self.rows)
        if docs > have:
            room = max(docs, have + (have >> 4) + 256)
            for name, (_, empty) in _ARRAYS.items():
                before = getattr(self, name)
                grown = np.full(room, empty, before.dtype)
                grown[: self.n] = before[: self.n]
                setattr(self, name, grown)
        self.n = max(self.n, docs)

    async def _take(self, source: Source, start: int, end: int) -> None:
        tangled: set[str] = set()
        for first in range(start, end, _READ_AT_ONCE):
            rows = await source.fields(self.space, first, min(first + _READ_AT_ONCE, end))
            if not rows:
                continue
            fields = list(zip(*rows, strict=True))
            docs = np.array(fields[1], np.int64)
            self.rows[docs] = fields[0]
            self.types[docs] = fields[2]
            self.trust[docs] = [self._trust_code(trust) for trust in fields[6]]
            self.lengths[docs] = np.minimum(fields[7], _LONGEST)
            self.begins[docs] = fields[8]
            self.gone[docs] = [retracted is not None for retracted in fields[10]]
            self.questions[docs] = fields[5]
            speakers = [_code(self.speaker_codes, name) for name in fields[4]]
            wide = np.promote_types(self.speakers.dtype, np.min_scalar_type(-len(self.speaker_codes) - 1))
            self.speakers = self.speakers.astype(wide, copy=False)
            self.speakers[docs] = speakers
            self.sessions[docs] = [_code(self.session_codes, name) for name in fields[3]]
            self._sessions += islice(self.session_codes, len(self._sessions), None)
            self._last_doc = _longer(self._last_doc, len(self._sessions), -1)
            self._last_place = _longer(self._last_place, len(self._sessions), -np.inf)
            self._times(rows)
            places = np.array([np.inf if sequence is None else sequence for sequence in fields[12]], np.float64)
            self._link(docs, places, tangled)
        for session in tangled:
            await self._untangle(source, session)

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
            if row[8] > row[13]:
                self.later[row[1]] = row[8]
                if row[2] == PLAN:
                    self.planned[row[1]] = row[13]

    def _refresh(self, row: Any) -> None:
        doc = row[1]
        self.gone[doc] = row[10] is not None
        for times, value in ((self.ends, row[9]), (self.forgotten, row[11])):
            times.pop(doc, None)
            if value is not None:
                times[doc] = value

    async def _forget(self, source: Source, doc: int) -> None:
        code = int(self.sessions[doc])
        self.common = dict.fromkeys(self.common)
        for name, (_, empty) in _ARRAYS.items():
            getattr(self, name)[doc] = empty
        for times in (self.ends, self.forgotten, self.later, self.planned):
            times.pop(doc, None)
        if code >= 0:
            await self._untangle(source, self._sessions[code])

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
        own = codes[first]
        straight = places[first] >= self._last_place[own]
        tangled.update(self._sessions[code] for code in own[~straight].tolist())
        first, last, own = first[straight], last[straight], own[straight]
        before = self._last_doc[own]
        self.before[docs[first]] = before
        self.after[before[before >= 0]] = docs[first][before >= 0]
        self._last_doc[own], self._last_place[own] = docs[last], places[last]

    async def _untangle(self, source: Source, session: str) -> None:
        found = await source.session(self.space, session, self.n)
        code = self.session_codes[session]
        if not found:
            self._last_doc[code], self._last_place[code] = -1, -np.inf
            return
        docs = np.array([doc for doc, _ in found], np.int64)
        self.before[docs] = np.concatenate(([-1], docs[:-1]))
        self.after[docs] = np.concatenate((docs[1:], [-1]))
        doc, sequence = found[-1]
        self._last_doc[code], self._last_place[code] = doc, np.inf if sequence is None else float(sequence)


def _longer(values: Any, count: int, empty: float) -> Any:
    """The array with room for so many values; it grows by an eighth at least."""
    if count <= len(values):
        return values
    grown = np.full(max(count, len(values) + (len(values) >> 3)), empty, values.dtype)
    grown[: len(values)] = values
    return grown


def _code(codes: dict[K, int], name: K | None) -> int:
    return -1 if name is None else codes.setdefault(name, len(codes))
