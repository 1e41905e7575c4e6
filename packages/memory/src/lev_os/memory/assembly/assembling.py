"""From a question to an assembly: find, choose, render, count again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from lev_os.core import tokens
from lev_os.core.errors import LevError

from ..lifecycle import has_begun, is_visible
from ..search.times import period_in
from ..search.words import terms
from ..types import ANY, Filter, Hit, MemoryType, Moment, Record, Scope, utc
from .choosing import Candidate, Why, choose
from .model import Assembly, Item, LeftOut, Plan, Reason, Receipt
from .owners import Fact, Owners, marks_of, name_of
from .rendering import QUOTED, heading_of, lines_of, render, section_of

if TYPE_CHECKING:
    from ..manager import MemoryManager

_TOKENS_PER_RECORD = 8
_MOST = 1_000
_MOST_FACTS = 20
_FEW = 20
_PAST = re.compile(
    r"\b(?:before|previous(?:ly)?|former(?:ly)?|used to|earlier|until|history|changed?|originally|back then)\b"
)
_FRAME_TOKENS = 60
"""What the marks and the notice around quotations cost."""


async def assemble(
    memory: MemoryManager,
    text: str,
    *,
    scope: Scope,
    budget: int,
    plan: Plan,
    now: datetime,
    where: Filter = ANY,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Assembly:
    """See `MemoryManager.assemble`."""
    if budget < 1:
        raise LevError(f"a budget of {budget} tokens holds nothing", help="give a budget of 1 or more")
    as_of = None if as_of is None else utc(as_of)
    where = msgspec.structs.replace(where, min_trust=max(where.min_trust, plan.min_trust))
    k = min(max(budget // _TOKENS_PER_RECORD, 20), _MOST)
    hits = await memory.search(text, scope=scope, k=k, where=where, as_of=as_of, known_at=known_at, now=now)
    pinned = await memory.query(
        msgspec.structs.replace(where, pinned=True), scope=scope, as_of=as_of, known_at=known_at, limit=_MOST
    )
    found = {hit.record.id: hit for hit in hits}
    for kind in _short_of(hits, plan, where):
        only = msgspec.structs.replace(where, types=(kind,))
        some = await memory.search(text, scope=scope, k=_FEW, where=only, as_of=as_of, known_at=known_at, now=now)
        _add_behind(found, hits, some)
    moment = Moment(now=now, as_of=as_of, known_at=known_at)
    for record in pinned.records:
        if where.retired or is_visible(record, moment):
            found.setdefault(record.id, Hit(record, 0.0))
    owners = Owners(memory, scope)
    facts = await owners.facts(hit.record for hit in found.values())
    current, other = _current_facts(list(found.values()), plan, facts)
    before: Mapping[str, Sequence[Record]] = {}
    if as_of is not None or period_in(text, now) or _PAST.search(text.casefold()):
        before = await _earlier_values(memory, [hit.record for hit in current], owners, plan, moment)
    candidates = _candidates(current, before, marks_of(facts), plan)
    choice = choose(candidates, budget, plan)
    chosen, cut = _fit(list(choice.chosen), budget, plan)
    refused: dict[str, tuple[Reason, str | None]] = dict(choice.refused) | dict.fromkeys(cut, ("count", None))
    made = _render(chosen, plan)
    counted = tokens.count(made)
    by_id = {one.record.id: one for one in candidates}
    left_out = [
        LeftOut(
            id=id,
            type=by_id[id].record.type,
            tokens=by_id[id].tokens,
            reason=reason,
            score=by_id[id].score,
            instead=instead,
        )
        for id, (reason, instead) in refused.items()
    ]
    left_out += [
        LeftOut(id=hit.record.id, type=hit.record.type, tokens=0, reason=reason, score=hit.score, instead=instead)
        for hit, reason, instead in other
    ]
    items = [_item(one, why, plan) for one, why in chosen]
    spent = {kind: sum(item.tokens for item in items if item.type == kind) for kind in {item.type for item in items}}
    receipt = Receipt(
        scope=scope,
        query=text,
        now=now,
        as_of=as_of,
        budget=budget,
        tokens=counted,
        encoding=tokens.ENCODING,
        spent=spent,
        items=tuple(items),
        left_out=tuple(sorted(left_out, key=lambda one: -one.score)),
        backends=hits.backends,
    )
    return Assembly(text=made, tokens=counted, receipt=receipt)


def _short_of(hits: Sequence[Hit], plan: Plan, where: Filter) -> list[MemoryType]:
    """The types that have a floor, and too few hits to fill it from."""
    return [
        kind
        for kind, share in plan.shares.items()
        if share.floor
        and (not where.types or kind in where.types)
        and sum(hit.record.type == kind for hit in hits) < _FEW
    ]


def _add_behind(found: dict[str, Hit], hits: Sequence[Hit], some: Sequence[Hit]) -> None:
    """Add hits of a narrower search, whose scores mean something else: in their order, behind all others."""
    last = min((hit.score for hit in hits), default=1.0)
    first = max((hit.score for hit in some), default=1.0) or 1.0
    for hit in some:
        found.setdefault(hit.record.id, Hit(hit.record, last * min(hit.score / first, 1.0), hit.parts))


def _current_facts(
    hits: Sequence[Hit], plan: Plan, facts: Mapping[str, Fact]
) -> tuple[list[Hit], list[tuple[Hit, Reason, str]]]:
    """The hits with one value for each fact; and the others, each with the reason and the id of what stands instead.

    It is the latest. What is not trusted takes no fact's place from what is.
    """

    def rank(record: Record) -> tuple[bool, tuple[float, float, str]]:
        return record.trust >= plan.trusted, _moment_of(record)

    best: dict[Fact, Hit] = {}
    for hit in hits:
        fact = facts.get(hit.record.id)
        if fact is not None and (fact not in best or rank(hit.record) > rank(best[fact].record)):
            best[fact] = hit
    current: list[Hit] = []
    other: list[tuple[Hit, Reason, str]] = []
    for hit in hits:
        fact = facts.get(hit.record.id)
        if fact is None or best[fact] is hit:
            current.append(hit)
            continue
        instead = best[fact].record
        doubtful = hit.record.trust < plan.trusted <= instead.trust
        other.append((hit, "less trusted" if doubtful else "older value", instead.id))
    return current, other


def _moment_of(record: Record) -> tuple[float, float, str]:
    begins, recorded = record.begins, record.recorded_at
    return (begins.timestamp() if begins else 0.0, recorded.timestamp() if recorded else 0.0, record.id)


async def _earlier_values(
    memory: MemoryManager,
    records: Sequence[Record],
    owners: Owners,
    plan: Plan,
    moment: Moment,
) -> Mapping[str, Sequence[Record]]:
    """What facts were before: the superseded values of each that had begun, the latest first.

    Nothing that would be quoted stands beside what is trusted.
    """
    found: dict[str, Sequence[Record]] = {}
    facts = [record for record in records if name_of(record) is not None][:_MOST_FACTS]
    whose = await owners.of(facts)
    for record in facts:
        least = plan.trusted if record.trust >= plan.trusted else plan.min_trust
        where = Filter(subject=record.subject, predicate=record.predicate, min_trust=least, retired=True)
        page = await memory.query(where, scope=await owners.around(record), known_at=moment.known_at)
        old = [
            one
            for one in page.records
            if one.superseded_by is not None
            and one.expired_at is None
            and one.id != record.id
            and name_of(one) is not None
            and has_begun(one, moment)
        ]
        theirs = await owners.of(old)
        own = [one for one in old if theirs[one.id] == whose[record.id]]
        if own:
            found[record.id] = sorted(own, key=_moment_of, reverse=True)[:3]
    return found


def _candidates(
    hits: Sequence[Hit], before: Mapping[str, Sequence[Record]], marks: Mapping[str, str], plan: Plan
) -> list[Candidate]:
    placed = [(hit, section_of(hit.record, plan.trusted)) for hit in hits]
    lines = [
        lines_of(hit.record, section, before.get(hit.record.id, ()), marks.get(hit.record.id))
        for hit, section in placed
    ]
    headings = [heading_of(hit.record, section) for hit, section in placed]
    different = list(dict.fromkeys(headings))
    costs = dict(zip(different, tokens.count_many(different), strict=True))
    return [
        Candidate(
            record=hit.record,
            score=hit.score,
            parts=hit.parts,
            lines=own,
            tokens=count,
            heading=heading,
            heading_tokens=costs[heading] + (_FRAME_TOKENS if section == QUOTED else 1),
            words=frozenset(terms(hit.record.text)),
            whose=marks.get(hit.record.id),
        )
        for (hit, section), own, heading, count in zip(placed, lines, headings, tokens.count_many(lines), strict=True)
    ]


def _fit(chosen: list[tuple[Candidate, Why]], budget: int, plan: Plan) -> tuple[list[tuple[Candidate, Why]], list[str]]:
    """The chosen without those that the exact count has no room for, the last chosen first."""
    cut: list[str] = []
    while chosen and tokens.count(_render(chosen, plan)) > budget:
        cut.append(chosen.pop()[0].record.id)
    return chosen, cut


def _render(chosen: Sequence[tuple[Candidate, Why]], plan: Plan) -> str:
    return render([(one.record, section_of(one.record, plan.trusted), one.lines) for one, _ in chosen])


def _item(one: Candidate, why: Why, plan: Plan) -> Item:
    return Item(
        id=one.record.id,
        type=one.record.type,
        section=section_of(one.record, plan.trusted),
        tokens=one.tokens,
        why=why,
        score=one.score,
        parts=one.parts,
    )
