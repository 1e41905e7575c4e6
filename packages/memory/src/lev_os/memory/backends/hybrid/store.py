"""The backend: writes go to the primary memory and from its log to the members, searches to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from lev_os.core.errors import Problem

from ...errors import StoreProblem
from ...lifecycle import is_visible, matches
from ...types import Change, Contribution, Filter, Hit, Hits, Moment, Page, Probe, Record, Scope, Stats
from .. import Capability, MemoryBackend, open_backend, scopes_of
from .members import Beside
from .model import Hybrid
from .outbox import Outbox, refuse_own

_ERASING = 60.0
"""Seconds to wait until members have erased what the primary memory has erased."""


class HybridBackend:
    """See `MemoryBackend`, and this folder's `__init__`."""

    def __init__(self, primary: MemoryBackend, name: str, members: Sequence[Beside], outbox: Outbox) -> None:
        self._primary = primary
        self._name = name
        self._members = members
        self._outbox = outbox

    @classmethod
    async def open(cls, hybrid: Hybrid, embedder: str | None) -> HybridBackend:
        """Open the primary memory, and members as far as they are there; they get what they missed."""
        primary = await open_backend(hybrid.primary, embedder)
        try:
            outbox = Outbox(primary)
            await outbox.open()
            members = [Beside(member, embedder, outbox) for member in hybrid.members]
            await asyncio.gather(*(member.open() for member in members))
        except BaseException:
            await primary.close()
            raise
        return cls(primary, hybrid.primary, members, outbox)

    @property
    def capabilities(self) -> Collection[Capability]:
        """Those of the primary memory. It erases only if all members can."""
        own = set(self._primary.capabilities)
        if any(one.backend is not None and "erase" not in one.backend.capabilities for one in self._members):
            own.discard("erase")
        return own

    @property
    def problems(self) -> Sequence[Problem]:
        """Those of the primary memory, and which members are down or would not take something."""
        return (*self._primary.problems, *(said for one in self._members if (said := one.problem()) is not None))

    async def append(self, scope: Scope, changes: Sequence[Change]) -> Sequence[str]:
        await self._announce(scope)
        ids = await self._primary.append(scope, changes)
        await self._spread(scope.tenant)
        return ids

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        await self._announce(scope)
        taken = await self._primary.load(scope, changes)
        await self._spread(scope.tenant)
        return taken

    async def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> Sequence[str]:
        """Erase everywhere. Raises `StoreProblem` when a member cannot be reached; it erases when it is back."""
        await self._announce(scope)
        gone = await self._primary.erase(scope, ids, at)
        if gone:
            await self._spread(scope.tenant, _ERASING)
            held = [one for one in self._members if one.behind]
            if held:
                names = ", ".join(one.name for one in held)
                help = "they are erased in the primary memory, and there as soon as it is back"
                raise StoreProblem(f"{names} cannot be reached and still holds what was erased", help=help)
        return gone

    async def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> Mapping[str, Record]:
        refuse_own(scope)
        return await self._primary.get(scope, ids, moment)

    async def scopes(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
        refuse_own(scope)
        return await scopes_of(self._primary, scope, ids)

    async def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        refuse_own(scope)
        return await self._primary.query(scope, where, moment, after, limit)

    async def search(self, scope: Scope, probe: Probe) -> Sequence[Hit]:
        await self._announce(scope)
        for member in self._members:
            member.deliver(())  # one that was down may be back
        probe = msgspec.structs.replace(probe, embed=_once(probe.embed))
        # What was retracted since cannot be told from what is retracted now without the primary memory's log.
        past = probe.where.retired and probe.moment.known_at is not None
        asked = [] if past else [one for one in self._members if one.takes(probe.where.types)]
        asking = [asyncio.create_task(one.ask(scope, probe)) for one in asked]
        try:
            own = await self._primary.search(scope, probe)
        except BaseException:
            for task in asking:
                task.cancel()
            raise
        others = [await task for task in asking]
        merged = await self._merge(scope, probe, own, [hits for _, hits in others])
        told = [Contribution(backend=self._name, found=len(own)), *(contribution for contribution, _ in others)]
        return Hits(merged, told)

    async def changes(self, scope: Scope, after: int, limit: int, id: str | None = None) -> Sequence[Change]:
        refuse_own(scope)
        return await self._primary.changes(scope, after, limit, id)

    async def stats(self, scope: Scope, moment: Moment) -> Stats:
        refuse_own(scope)
        return await self._primary.stats(scope, moment)

    async def reindex(self) -> None:
        await self._primary.reindex()
        for member in self._members:
            await member.attempt(MemoryBackend.reindex, None)

    async def unembedded(self, limit: int) -> Sequence[tuple[Any, str]]:
        found: list[tuple[Any, str]] = []
        if "dense" in self._primary.capabilities:
            found += [((None, key), text) for key, text in await self._primary.unembedded(limit)]
        for number, member in enumerate(self._members):
            none: Sequence[tuple[Any, str]] = ()
            waiting = await member.attempt(lambda backend: _unembedded(backend, limit), none)
            found += [((number, key), text) for key, text in waiting]
        return found[:limit]

    async def embed(self, vectors: Sequence[tuple[Any, Any]]) -> None:
        for number in {place for (place, _), _ in vectors}:
            own = [(key, vector) for (place, key), vector in vectors if place == number]
            if number is None:
                await self._primary.embed(own)
            else:
                await self._members[number].attempt(lambda backend: backend.embed(own), None)  # noqa: B023  # awaited here

    async def close(self) -> None:
        for member in self._members:
            await member.close()
        try:
            await self._outbox.note_all()
        finally:
            await self._primary.close()

    async def _announce(self, scope: Scope) -> None:
        """Before anything of a tenant is written, note that its log has to be delivered."""
        refuse_own(scope)
        for member in self._members:
            if not self._outbox.knows(member.name, scope.tenant):
                await self._outbox.note(member.name, scope.tenant)
                member.deliver((scope.tenant,))

    async def _spread(self, tenant: str, seconds: float | None = None) -> None:
        for member in self._members:
            member.deliver((tenant,))
        await asyncio.gather(*(member.wait(seconds) for member in self._members))

    async def _merge(
        self, scope: Scope, probe: Probe, own: Sequence[Hit], others: Sequence[Sequence[Hit]]
    ) -> Sequence[Hit]:
        """The best of all. Of the same content the primary memory's record counts, and the higher score.

        A member's scores are scaled to the primary memory's: their best are alike. What the primary memory knows is as
        it says; what it does not know, the member found out by itself, and must pass the gates too.
        """
        best = {hit.record.id: hit for hit in own}
        by_hash = {hit.record.hash: hit.record.id for hit in own}
        for hits in others:
            strange = [hit.record.id for hit in hits if hit.record.id not in best and hit.record.hash not in by_hash]
            known = await self._primary.get(scope, strange, None if probe.where.retired else probe.moment)
            factor = own[0].score / hits[0].score if own and hits and own[0].score > 0 and hits[0].score > 0 else 1.0
            for hit in hits:
                id = hit.record.id if hit.record.id in best else by_hash.get(hit.record.hash, hit.record.id)
                record = best[id].record if id in best else known.get(id)
                if record is None and not await self._primary.changes(scope, 0, 1, id):
                    record = hit.record
                if record is None or not _passes(record, probe):
                    continue
                scaled = hit if factor == 1.0 else _scaled(hit, factor)
                if id not in best or scaled.score > best[id].score:
                    best[id] = Hit(record, scaled.score, scaled.parts)
                by_hash.setdefault(record.hash, id)
        return sorted(best.values(), key=lambda hit: -hit.score)[: probe.k]


def _passes(record: Record, probe: Probe) -> bool:
    return matches(record, probe.where) and (probe.where.retired or is_visible(record, probe.moment))


def _scaled(hit: Hit, factor: float) -> Hit:
    parts = {name: value if name.startswith("raw_") else value * factor for name, value in hit.parts.items()}
    return Hit(hit.record, hit.score * factor, parts)


def _once(embed: Callable[[str], Any] | None) -> Callable[[str], Any] | None:
    """The same, but no text is embedded twice."""
    if embed is None:
        return None
    made: dict[str, Any] = {}

    def embedded(text: str) -> Any:
        if text not in made:
            made[text] = embed(text)
        return made[text]

    return embedded


async def _unembedded(backend: MemoryBackend, limit: int) -> Sequence[tuple[Any, str]]:
    return await backend.unembedded(limit) if "dense" in backend.capabilities else ()
