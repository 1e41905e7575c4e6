"""The plan of a consolidation. Pure: records in, actions out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ..search.words import terms
from ..types import MemoryType, Record
from .model import Action, Policy

Key = tuple[str, str]


def plan_extraction(facts: Sequence[Record], current: Sequence[Record], contradictions: bool) -> list[Action]:
    """Put new facts where they belong in time: the latest is current, an earlier one ends where the next begins."""
    known = _by_key(current)
    keyless = [fact for fact in facts if fact.subject is None or fact.predicate is None]
    actions = [Action(kind="extract", record=fact, reason="said in an episode") for fact in keyless]
    for key, values in _by_key(facts).items():
        held = max(known.get(key, ()), key=_moment, default=None)
        values = sorted(values, key=_moment)
        if contradictions:
            values, contested = _believed(values, held)
            actions += contested
        values = _runs(values)
        for value, following in zip(values, [*values[1:], None], strict=False):
            if held is not None and _same(value, held):
                continue
            later = held is None or _moment(value) >= _moment(held)
            open_ended = held is not None and held.superseded_by is None
            if following is None and later and held is not None and open_ended and contradictions:
                actions.append(Action(kind="extract", id=held.id, record=value, reason="said anew"))
                continue
            end = following if later else held
            if end is not None and end.begins is not None and value.valid_to is None:
                value = msgspec.structs.replace(value, valid_to=max(end.begins, value.begins or end.begins))
            actions.append(Action(kind="extract", record=value, reason="said in an episode"))
    return actions


def plan_contradictions(current: Sequence[Record]) -> list[Action]:
    """Of several current values of a fact the latest stays, if it is trusted as much as those it replaces."""
    actions = []
    for values in _by_key(current).values():
        *older, latest = sorted(values, key=_moment)
        for old in older:
            if _same(old, latest):
                actions.append(Action(kind="duplicate", id=old.id, by=latest.id, reason=f"the same as {latest.id}"))
            elif old.superseded_by is not None or latest.superseded_by == old.id:
                continue  # one holds until its successor begins, which is settled already
            elif latest.trust < old.trust:
                reason = "a later value is trusted less"
                actions.append(Action(kind="contested", id=old.id, by=latest.id, reason=reason))
            else:
                actions.append(Action(kind="supersede", id=old.id, by=latest.id, reason="a later value is there"))
    return actions


def plan_duplicates(current: Sequence[Record], likeness: float) -> list[Action]:
    """Of facts without a key, and of procedures, that say the same in almost the same words, the first stays."""
    actions = []
    holders: dict[str, list[int]] = defaultdict(list)
    kept: list[tuple[Record, frozenset[str]]] = []
    for record in sorted(current, key=lambda one: (not one.pinned, -one.trust, -one.importance, _moment(one))):
        words = frozenset(terms(record.text))
        near = {place for word in words for place in holders[word]}
        twin = next((kept[place][0] for place in sorted(near) if _alike((record, words), kept[place], likeness)), None)
        if twin is not None:
            actions.append(Action(kind="duplicate", id=record.id, by=twin.id, reason=f"nearly the same as {twin.id}"))
            continue
        for word in words:
            holders[word].append(len(kept))
        kept.append((record, words))
    return actions


def plan_fading(records: Iterable[Record], policy: Policy, now: datetime) -> list[Action]:
    """What has lost its importance with time."""
    actions = []
    for record in records:
        half_life = policy.half_lives.get(record.type)
        if half_life is None or record.pinned or record.recorded_at is None:
            continue
        age = max((now - record.recorded_at) / half_life, 0.0)
        if record.importance * 2.0**-age < policy.faded:
            actions.append(
                Action(kind="fade", id=record.id, reason=f"faded after {(now - record.recorded_at).days} days")
            )
    return actions


def types_of(policy: Policy) -> tuple[MemoryType, ...]:
    """The types that a policy has something to do with."""
    kinds: set[MemoryType] = {"semantic", "procedural", *policy.half_lives}
    return tuple(sorted(kinds | {"episodic"} if policy.extract else kinds))


def _by_key(records: Iterable[Record]) -> Mapping[Key, list[Record]]:
    found: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        if record.subject is not None and record.predicate is not None:
            found[record.subject.casefold(), record.predicate.casefold()].append(record)
    return found


def _believed(values: Sequence[Record], held: Record | None) -> tuple[list[Record], list[Action]]:
    """Values in the order of time without those trusted less than the one before; what these contest.

    One that only repeats it is left out too: among its sources it would lower its trust.
    """
    believed: list[Record] = []
    contested: list[Action] = []
    for value in values:
        before = [*believed[-1:], *([held] if held is not None and _moment(held) <= _moment(value) else [])]
        valid = max(before, key=_moment, default=None)
        if valid is None or value.trust >= valid.trust:
            believed.append(value)
        elif not _same(value, valid):
            reason = "a later value is trusted less"
            contested.append(Action(kind="contested", id=valid.id or None, record=value, reason=reason))
    return believed, contested


def _runs(values: Sequence[Record]) -> list[Record]:
    """Values in the order of time, each with the sources of the same value right after it."""
    runs: list[Record] = []
    for value in values:
        if runs and _same(runs[-1], value):
            sources = tuple(dict.fromkeys((*runs[-1].sources, *value.sources)))
            runs[-1] = msgspec.structs.replace(runs[-1], sources=sources)
        else:
            runs.append(value)
    return runs


def _alike(one: tuple[Record, frozenset[str]], other: tuple[Record, frozenset[str]], likeness: float) -> bool:
    union = len(one[1] | other[1])
    return one[0].type == other[0].type and union > 0 and len(one[1] & other[1]) / union > likeness


def _same(one: Record, other: Record) -> bool:
    return one.text.casefold().split() == other.text.casefold().split()


def _moment(record: Record) -> tuple[float, float, str]:
    begins, recorded = record.begins, record.recorded_at
    return (begins.timestamp() if begins else 0.0, recorded.timestamp() if recorded else 0.0, record.id)
