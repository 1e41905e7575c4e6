"""Reading what there is, planning, and carrying the plan out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ..types import Filter, Record, Scope
from .model import Action, Consolidation, Extract, Policy
from .planning import plan_contradictions, plan_duplicates, plan_extraction, plan_fading, types_of
from .rules import facts_in

if TYPE_CHECKING:
    from ..manager import MemoryManager

_PAGE = 1_000


async def consolidate(
    memory: MemoryManager, *, scope: Scope, policy: Policy, extract: Extract | None, dry_run: bool, now: datetime
) -> Consolidation:
    """See `MemoryManager.consolidate`."""
    records = await _all(memory, Filter(types=types_of(policy)), scope)
    actions: list[Action] = []
    for own, some in (await _by_user(memory, records, scope)).items():
        planned = await _plan(memory, some, own, policy, extract, now)
        if not dry_run:
            begins = {record.id: record for record in some}
            for action in planned:
                await _carry_out(memory, action, own, begins)
        actions += planned
    return Consolidation(tuple(actions), applied=not dry_run)


async def _plan(
    memory: MemoryManager,
    records: Sequence[Record],
    scope: Scope,
    policy: Policy,
    extract: Extract | None,
    now: datetime,
) -> list[Action]:
    facts = [record for record in records if record.type == "semantic"]
    actions: list[Action] = []
    if policy.extract or extract is not None:
        found = await _extracted(memory, [r for r in records if r.type == "episodic"], scope, extract)
        actions += plan_extraction(found, facts, policy.contradictions)
    if policy.contradictions:
        actions += plan_contradictions(facts)
    if policy.duplicates is not None:
        loose = [
            r for r in records if r.type in ("semantic", "procedural") and (r.subject is None or r.predicate is None)
        ]
        actions += plan_duplicates(loose, policy.duplicates)
    gone = {action.id for action in actions if action.kind in ("supersede", "duplicate")}
    actions += plan_fading((record for record in records if record.id not in gone), policy, now)
    return actions


async def _by_user(memory: MemoryManager, records: Sequence[Record], scope: Scope) -> dict[Scope, list[Record]]:
    """The records by whose they are: what one user says replaces nothing of another's."""
    if scope.user is not None:
        return {scope: list(records)}
    users: dict[str, str | None] = {}
    cursor = 0
    while page := await memory.changes(cursor, scope=scope):
        users |= {change.id: change.scope.user for change in page if change.op == "put"}
        cursor = page[-1].cursor
    found: dict[Scope, list[Record]] = {}
    for record in records:
        own = msgspec.structs.replace(scope, user=users.get(record.id))
        found.setdefault(own, []).append(record)
    return found


async def _extracted(
    memory: MemoryManager, episodes: Sequence[Record], scope: Scope, extract: Extract | None
) -> Sequence[Record]:
    """The facts of episodes that no fact, be it retired, comes from yet."""
    ever = await _all(memory, Filter(types=("semantic",), retired=True), scope)
    done = {source for record in ever for source in record.sources}
    fresh = [record for record in episodes if record.id not in done]
    if extract is not None:
        return await extract(fresh) if fresh else []
    return [fact for record in fresh for fact in facts_in(record)]


async def _carry_out(memory: MemoryManager, action: Action, scope: Scope, records: dict[str, Record]) -> None:
    match action:
        case Action(kind="extract", id=None, record=Record() as record):
            await memory.put([record], scope=scope)
        case Action(kind="extract", id=str(id), record=Record() as record):
            await memory.supersede(id, record, scope=scope, reason=action.reason)
        case Action(kind="supersede", id=str(id), by=str(by)):
            await memory.supersede_by(id, by, at=records[by].begins, scope=scope, reason=action.reason)
        case Action(kind="duplicate" | "fade", id=str(id)):
            await memory.retract(id, scope=scope, reason=action.reason)


async def _all(memory: MemoryManager, where: Filter, scope: Scope) -> list[Record]:
    found: list[Record] = []
    cursor: int | None = None
    while True:
        page = await memory.query(where, scope=scope, cursor=cursor, limit=_PAGE)
        found += page.records
        if (cursor := page.cursor) is None:
            return found
