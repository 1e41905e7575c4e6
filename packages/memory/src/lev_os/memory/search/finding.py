"""One search over the spaces of a scope: gates, measures, ranking."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np

from ..instants import micros
from ..types import MEMORY_TYPES, Filter, Moment, Probe, Scope
from . import bm25, postings, ranking, speakers, times, words
from .columns import Columns
from .source import Meanings, Source

_WORDED = 1_000
_EXACT_WORDED = 200
_COMMON = 20
"""In a large space a term held by more than one record in so many is left out when there are rarer ones."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was found: its row and the parts of its score."""

    row: int
    score: float
    parts: dict[str, float]


class Finder:
    """The arrays of one question: those of one space, or of several one behind the other."""

    def __init__(self, source: Source, spaces: Sequence[tuple[Columns, Meanings | None]]) -> None:
        self._source = source
        self._spaces = spaces
        self._starts = np.cumsum([0, *(columns.n for columns, _ in spaces)])
        self.n = int(self._starts[-1])

    async def search(self, scope: Scope, probe: Probe) -> list[Found]:
        """The best records, best first."""
        allowed = await self._gate(scope, probe.where, probe.moment)
        total = int(np.count_nonzero(allowed))
        if not total:
            return []
        names = self._names(probe.text)
        timeless = probe.text if probe.period is None else times.without(probe.text, probe.moment.now)
        text = speakers.without(timeless, names)
        found = await self._postings(words.terms(text), allowed, total)
        lengths, sessions = self._array("lengths"), self._sessions()
        session_lengths = self._session_lengths(allowed, total, lengths, sessions)
        average = self._total_length(allowed, total, lengths) / total
        lexical = bm25.score(found, lengths, total, average)
        by_session = bm25.score_sessions(found, sessions, session_lengths)
        said_by, within = await self._of(names, allowed, total), self._within(probe.period, allowed)
        query = None if probe.embed is None else probe.embed(text)
        if self.n <= self._source.exact:
            candidates, cosines = await self._all(query, allowed)
        else:
            named = [mask for mask in (said_by, within) if mask is not None]
            if len(named) == 2:
                named.insert(0, named[0] & named[1])
            best = [_foremost(mask, lexical) for mask in named]
            candidates, cosines = await self._some(query, allowed, np.concatenate((*best, _worded(found, lexical))))
        by_record = np.append(by_session, np.float32(0))[sessions[candidates]]
        before, after = self._neighbours(candidates)
        rarity = sum(bm25.idf(len(places), total) for places, _ in found)
        features = ranking.Features(
            words=lexical[candidates],
            rarity=rarity,
            session_words=by_record,
            alone=sessions[candidates] < 0,
            cosine=cosines,
            before=before,
            after=after,
            question=self._array("questions")[candidates],
            speaker=_named(said_by, candidates, total, rarity),
            period=_named(within, candidates, total, rarity),
        )
        parts = ranking.rank(features)
        scores = np.sum(list(parts.values()), axis=0)
        rows = self._array("rows")
        raw = {"bm25": features.words} | ({} if features.cosine is None else {"cosine": features.cosine})
        shown = parts | ({f"raw_{name}": values for name, values in raw.items()} if probe.explain else {})
        return [
            Found(
                int(rows[candidates[at]]),
                float(scores[at]),
                {name: float(values[at]) for name, values in shown.items()},
            )
            for at in ranking.best(scores, probe.k)
        ]

    def _array(self, name: str) -> Any:
        if len(self._spaces) == 1:
            columns = self._spaces[0][0]
            return getattr(columns, name)[: columns.n]
        return np.concatenate([getattr(columns, name)[: columns.n] for columns, _ in self._spaces])

    def _shifted(self, name: str) -> Any:
        """An array of docs, as places among all spaces."""
        if len(self._spaces) == 1:
            return self._array(name)
        parts = [
            np.where(getattr(columns, name)[: columns.n] >= 0, getattr(columns, name)[: columns.n] + start, -1)
            for (columns, _), start in zip(self._spaces, self._starts, strict=False)
        ]
        return np.concatenate(parts)

    async def _gate(self, scope: Scope, where: Filter, moment: Moment) -> Any:
        masks = [await self._gate_of(columns, scope, where, moment) for columns, _ in self._spaces]
        return masks[0] if len(masks) == 1 else np.concatenate(masks)

    async def _gate_of(self, columns: Columns, scope: Scope, where: Filter, moment: Moment) -> Any:
        n = columns.n
        known = micros(moment.known_at or moment.now)
        begins = columns.begins[:n]
        mask = ~columns.gone[:n] if not where.retired else columns.rows[:n] > 0
        ends = columns.ends
        if moment.known_at is not None:
            mask, ends = await self._as_known(columns, mask.copy(), known, where)
        if not where.retired:
            at = known if moment.as_of is None else micros(moment.as_of)
            if moment.as_of is None:
                _close(mask, (doc for doc, start in columns.later.items() if start > at and doc not in columns.planned))
            else:
                begun = begins <= at
                begun[[doc for doc, recorded in columns.planned.items() if recorded <= at]] = True
                mask = mask & begun
            _close(mask, (doc for doc, end in ends.items() if end <= at))
            _close(mask, (doc for doc, end in columns.forgotten.items() if end <= known))
        if where.types:
            mask = mask & np.isin(columns.types[:n], [MEMORY_TYPES.index(kind) for kind in where.types])
        for session in {scope.session, where.session} - {None}:
            mask = mask & (columns.sessions[:n] == columns.session_codes.get(session or "", -2))
        if where.min_trust > 0:
            enough = [code for trust, code in columns.trust_codes.items() if trust >= where.min_trust]
            mask = mask & np.isin(columns.trust[:n], enough)
        if where.since is not None:
            mask = mask & (begins >= micros(where.since))
        if where.until is not None:
            mask = mask & (begins < micros(where.until))
        return await self._gate_facts(columns, mask, where)

    async def _gate_facts(self, columns: Columns, mask: Any, where: Filter) -> Any:
        asked = {
            name: value
            for name in ("subject", "predicate", "role", "pinned")
            if (value := getattr(where, name)) is not None
        }
        if not asked:
            return mask
        passed = np.zeros(columns.n, np.bool_)
        passed[np.array(await self._source.holding(columns.space, columns.n, asked), np.int64)] = True
        return mask & passed

    async def _as_known(self, columns: Columns, mask: Any, known: int, where: Filter) -> tuple[Any, dict[int, int]]:
        """The gate and the ends as they were known at a time."""
        later, changed = await self._source.later(columns.space, known)
        ends = dict(columns.ends)
        for doc, retracted, end in changed:
            mask[doc] = where.retired or not retracted
            ends.pop(doc, None)
            if end is not None:
                ends[doc] = end
        _close(mask, (doc for doc in later if doc < columns.n))
        return mask, ends

    async def _postings(self, terms: Sequence[str], allowed: Any, total: int) -> list[bm25.Posting]:
        """Where each term stands, among what is allowed."""
        found: list[bm25.Posting] = []
        asked, bodies = await self._worth_reading(list(dict.fromkeys(terms)))
        for term in asked:
            some = [
                (docs + start, counts)
                for (columns, _), start, held in zip(self._spaces, self._starts, bodies, strict=False)
                for docs, counts in [postings.decode(term, held.get(term, b""), columns.tail.get(term, ()), columns.n)]
            ]
            places, counts = (np.concatenate(arrays) for arrays in zip(*some, strict=True))
            if total < self.n:
                inside = allowed[places]
                places, counts = places[inside], counts[inside]
            found.append((places, counts))
        return found

    async def _worth_reading(self, asked: Sequence[str]) -> tuple[Sequence[str], Sequence[Mapping[str, bytes]]]:
        """All terms, and their postings by space.

        In a large space without those that very many records hold, unless there are no others.
        """
        if self.n <= self._source.exact:
            return asked, [await self._source.postings(columns.space, asked) for columns, _ in self._spaces]
        held = dict.fromkeys(asked, 0)
        bodies = []
        for columns, _ in self._spaces:
            common = await self._common(columns, asked)
            read = dict(await self._source.postings(columns.space, [term for term in asked if term not in common]))
            bodies.append(read)
            for term, body in read.items():
                count = postings.count(body)
                held[term] += count
                if count * _COMMON > columns.n:
                    columns.common[term] = count
            for term, count in common.items():
                held[term] += count
        rare = [term for term in asked if held[term] * _COMMON <= self.n]
        if not any(held[term] for term in rare):
            rare += sorted((term for term in asked if held[term]), key=held.__getitem__)[:1]
        for (columns, _), read in zip(self._spaces, bodies, strict=True):
            if left := [term for term in rare if term in columns.common and term not in read]:
                read |= await self._source.postings(columns.space, left)
        return rare, bodies

    async def _common(self, columns: Columns, asked: Sequence[str]) -> Mapping[str, int]:
        """Those of the terms that very many docs of a space are known to hold, and how many do.

        Their postings are large, so they are not even read to be counted, unless something has changed.
        """
        known = columns.common
        if stale := [term for term in asked if term in known and known[term] is None]:
            counts = await self._source.holders(columns.space, stale)
            for term in stale:
                known[term] = counts.get(term, 0)
                if counts.get(term, 0) * _COMMON <= columns.n:
                    del known[term]
        return {term: count for term in asked if (count := known.get(term)) is not None}

    async def _all(self, query: Any | None, allowed: Any) -> tuple[Any, Any | None]:
        """Every record that passed, and its cosine (None without vectors)."""
        candidates = np.flatnonzero(allowed)
        if query is None:
            return candidates, None
        cosines = [None if means is None else await means.every(query, columns.n) for columns, means in self._spaces]
        if all(found is None for found in cosines):
            return candidates, None
        parts = [
            np.zeros(columns.n, np.float32) if found is None else found
            for found, (columns, _) in zip(cosines, self._spaces, strict=True)
        ]
        return candidates, np.concatenate(parts)[candidates]

    async def _some(self, query: Any | None, allowed: Any, worded: Any) -> tuple[Any, Any | None]:
        """The most promising records and their neighbours, with cosines that are exact for the best of them."""
        near = [
            await means.nearest(query, allowed[start : start + columns.n]) + start
            for (columns, means), start in zip(self._spaces, self._starts, strict=False)
            if means is not None and query is not None
        ]
        chosen = np.concatenate((worded, *near))
        if not len(chosen):
            chosen = np.flatnonzero(allowed)[-_WORDED:]
        around = np.concatenate((chosen, self._shifted("before")[chosen], self._shifted("after")[chosen]))
        candidates = ranking.distinct(around[around >= 0])
        candidates = candidates[allowed[candidates]]
        if not near or query is None:
            return candidates, None
        cosines = np.zeros(len(candidates), np.float32)
        surely = np.zeros(len(candidates), np.bool_)
        surely[np.searchsorted(candidates, worded[:_EXACT_WORDED])] = True
        for (columns, means), start in zip(self._spaces, self._starts, strict=False):
            first, last = np.searchsorted(candidates, (start, start + columns.n))
            if means is not None and last > first:
                cosines[first:last] = await means.some(query, candidates[first:last] - start, surely[first:last])
        return candidates, cosines

    def _sessions(self) -> Any:
        """The session of every place as a code that is unique among the spaces, -1 for none."""
        if len(self._spaces) == 1:
            return self._array("sessions")
        parts, count = [], 0
        for columns, _ in self._spaces:
            codes = columns.sessions[: columns.n]
            parts.append(np.where(codes >= 0, codes + count, -1))
            count += len(columns.session_codes)
        return np.concatenate(parts)

    def _total_length(self, allowed: Any, total: int, lengths: Any) -> float:
        """The terms of what may be seen."""
        if total == self.n:
            return float(sum(columns.total_length() for columns, _ in self._spaces))
        return float(lengths[allowed].sum())

    def _session_lengths(self, allowed: Any, total: int, lengths: Any, sessions: Any) -> Any:
        """The terms of each session, of what may be seen."""
        if total == self.n and len(self._spaces) == 1:
            return self._spaces[0][0].session_lengths()
        inside = allowed & (sessions >= 0)
        count = sum(len(columns.session_codes) for columns, _ in self._spaces)
        return np.bincount(sessions[inside], weights=lengths[inside], minlength=count).astype(np.float32)

    def _neighbours(self, candidates: Any) -> tuple[Any, Any]:
        """Who comes before and after each candidate, as positions among the candidates."""
        before, after = self._shifted("before"), self._shifted("after")
        if len(candidates) == self.n:
            return before, after
        return _positions(candidates, before[candidates]), _positions(candidates, after[candidates])

    def _names(self, text: str) -> list[str]:
        """The speakers that a question names."""
        asked = set(_WORD.findall(text.casefold()))
        names = {name for columns, _ in self._spaces for name in columns.speaker_codes}
        return sorted(name for name in names if (parts := _WORD.findall(name)) and asked.issuperset(parts))

    async def _of(self, names: Sequence[str], allowed: Any, total: int) -> Any | None:
        """What is allowed that one of these speakers says, or that nobody says and that holds the name, as facts do."""
        if not names:
            return None
        mask = np.zeros(self.n, np.bool_)
        unsaid = np.zeros(self.n, np.bool_)
        for (columns, _), start in zip(self._spaces, self._starts, strict=False):
            said_by = columns.speakers[: columns.n]
            end = start + columns.n
            unsaid[start:end] = said_by < 0
            for name in names:
                mask[start:end] |= said_by == columns.speaker_codes.get(name, -2)
        mask &= allowed
        if self.n > self._source.exact and np.count_nonzero(mask) * _COMMON > self.n:
            return mask  # the names stand in as many records, which takes too long to read
        for name in names:
            held = [places for places, _ in await self._postings(words.terms(name), allowed, total)]
            if held:
                places = reduce(np.intersect1d, held)
                mask[places[unsaid[places]]] = True
        return mask

    def _within(self, period: tuple[datetime, datetime] | None, allowed: Any) -> Any | None:
        """What is allowed that lies in a time."""
        if period is None:
            return None
        begins = self._array("begins")
        return allowed & (begins >= micros(period[0])) & (begins < micros(period[1]))


def _named(mask: Any | None, candidates: Any, total: int, rarity: float) -> ranking.Named | None:
    """`rarity` is that of the other words of the question."""
    if mask is None:
        return None
    rare = bm25.idf(int(np.count_nonzero(mask)), total)
    return ranking.Named(mask[candidates], rare / (rare + rarity))


def _worded(found: Sequence[bm25.Posting], lexical: Any) -> Any:
    """The records with the best words, best first."""
    many = [places for places, _ in found if len(places) > _WORDED]
    if many:  # as many as are wanted hold the rarest of these terms, so nothing below the best of them is wanted
        scores = lexical[min(many, key=len)]
        able = np.flatnonzero(lexical >= np.partition(scores, -_WORDED)[-_WORDED])
    else:
        able = np.flatnonzero(lexical > 0)
    return able[ranking.best(lexical[able], _WORDED)]


def _foremost(mask: Any, lexical: Any) -> Any:
    """Of the records that are named, those with the best words, best first; and the latest, when few have any."""
    places = np.flatnonzero(mask)
    if len(places) > _WORDED:
        worded = places[lexical[places] > 0]
        places = worded if len(worded) >= _WORDED else np.concatenate((worded, places[-_WORDED:]))
    return places[ranking.best(lexical[places], _WORDED)]


def _positions(candidates: Any, places: Any) -> Any:
    """Where places stand in the ascending candidates, -1 for those that do not."""
    found = np.searchsorted(candidates, places)
    found[found == len(candidates)] = 0
    return np.where(candidates[found] == places, found, -1)


def _close(mask: Any, docs: Any) -> None:
    closed = list(docs)
    if closed:
        mask[closed] = False
