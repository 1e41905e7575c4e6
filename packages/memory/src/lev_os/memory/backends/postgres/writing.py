"""Changes to the tables, within one transaction of one tenant, whose writers wait for each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from ...errors import Conflict, NotRemembered
from ...instants import instant, micros
from ...lifecycle import changed, changes_it, circular, content_of, digest_of, record_of
from ...search import postings, speakers, words
from ...search.fields import COLUMNS, columns_of, terms_of
from ...types import Change, Record, Scope
from . import reading
from .rows import OPERATIONS, columns, key_of, shown, stored, tenant_of, to_record
from .schema import RECORD_TYPES
from .server import Work

_NUMBER = {name: number for number, name in enumerate(OPERATIONS)}
_ENTRY = ("op", "space", "doc", "id", "at", "superseded_by", "ends", "reason")
_ENTRY_TYPES = ("smallint", "int", "int", "text", "bigint", "text", "bigint", "text")
_AT_ONCE = 5_000
_TEXTS = frozenset(n for n, kind in enumerate(RECORD_TYPES) if kind == "text")
_FLAGS = frozenset(n for n, kind in enumerate(RECORD_TYPES) if kind == "boolean")
TAIL = 256
"""So many docs of a space may wait for their postings: a search reads them itself, and a single put stays cheap."""


class _Space:
    def __init__(self, number: int, docs: int, indexed: int) -> None:
        self.number = number
        self.docs = docs
        self.indexed = indexed
        self.gathered = postings.Gathered()
        self.waiting = 0


class Writer:
    """What a transaction changes; `flush` writes what `put` took in.

    What it `imports` keeps its times, and stands beside its like.
    """

    def __init__(self, work: Work, tenant: UUID, latest: int, *, imports: bool = False) -> None:
        self._work = work
        self._tenant = tenant
        self._latest = latest
        self._imports = imports
        self._spaces: dict[bytes, _Space] = {}
        self._records: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._there: dict[tuple[int, bytes], str] = {}

    @classmethod
    async def begin(cls, work: Work, scope: Scope, *, imports: bool = False) -> Writer:
        """Wait for the tenant's other writers, so that its log has one order."""
        tenant = tenant_of(scope)
        lock = "SELECT 1 FROM tenant WHERE tenant = %s FOR UPDATE"
        if await work.first(lock, tenant) is None:
            insert = "INSERT INTO tenant VALUES (%s, %s) ON CONFLICT DO NOTHING"
            await work.run(insert, tenant, stored(scope.tenant))
            await work.first(lock, tenant)
        last = await work.first("SELECT at FROM log WHERE tenant = %s ORDER BY cursor DESC LIMIT 1", tenant)
        return cls(work, tenant, 0 if last is None else last[0], imports=imports)

    def at(self, change: Change) -> int:
        """The change's time, not before any in the log; an imported one's own."""
        if self._imports:
            return micros(change.at)
        self._latest = max(self._latest, micros(change.at))
        return self._latest

    async def append(self, scope: Scope, changes: Sequence[Change]) -> list[str]:
        """See `MemoryBackend.append`."""
        ids: list[str] = []
        answered: dict[str | None, str] = {}
        for puts, some in groupby(changes, key=lambda change: change.op == "put"):
            group = list(some)
            if puts:
                found = await self._put(group)
                answered |= zip((change.id for change in group), found, strict=True)
                ids += found
                continue
            await self.flush()
            for change in group:
                await self._refuse_circle(change)
                by = answered.get(change.by, change.by)
                await self._change(scope, msgspec.structs.replace(change, by=by))
                ids.append(change.id)
        await self.flush()
        return ids

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        """See `MemoryBackend.load`."""
        taken = 0
        for op, some in groupby(changes, key=lambda change: change.op):
            group = list(some)
            if op == "put":
                ids = [change.id for change in group]
                known = {shown(row[3]) for row in await reading.rows_of(self._work, Scope(tenant=scope.tenant), ids)}
                known |= await self._tombstones(ids)
                fresh = [change for change in group if change.id not in known]
                await self._put(fresh)
                taken += len(fresh)
                continue
            await self.flush()
            for change in group:
                taken += await self._take_in(scope, change)
        await self.flush()
        return taken

    async def erase(self, scope: Scope, ids: Sequence[str], at: int) -> list[str]:
        """Delete records and their logs; their bytes are still in the files."""
        found = await reading.with_derived(self._work, scope, await reading.rows_of(self._work, scope, ids))
        for row in found:
            await self._destroy(row, max(at, self._latest))
        await self.flush()
        return [shown(row[3]) for row in found]

    async def flush(self) -> None:
        """Write what was taken in. Raises `psycopg.errors.UniqueViolation` when an id is taken."""
        for start in range(0, len(self._records), _AT_ONCE):
            some = columns(self._records[start : start + _AT_ONCE])
            names, marks = ", ".join(COLUMNS), ", ".join(f"%b::{kind}[]" for kind in RECORD_TYPES)
            statement = f"INSERT INTO record (tenant, {names}) SELECT %s, * FROM unnest({marks})"
            await self._work.run(statement, self._tenant, *some)
        for start in range(0, len(self._entries), _AT_ONCE):
            some = columns(self._entries[start : start + _AT_ONCE])
            names, marks = ", ".join(_ENTRY), ", ".join(f"%b::{kind}[]" for kind in _ENTRY_TYPES)
            statement = f"INSERT INTO log (tenant, {names}) SELECT %s, * FROM unnest({marks})"
            await self._work.run(statement, self._tenant, *some)
        for space in self._spaces.values():
            if space.docs - space.indexed > TAIL:
                await self._add_tail(space)
                await write_postings(self._work, self._tenant, space.number, space.gathered)
                space.indexed = space.docs
            space.gathered, space.waiting = postings.Gathered(), 0
            statement = "UPDATE space SET docs = %s, indexed = %s WHERE space = %s AND docs != %s"
            await self._work.run(statement, space.docs, space.indexed, space.number, space.docs)
        self._records.clear()
        self._entries.clear()
        self._there.clear()

    async def _put(self, changes: Sequence[Change]) -> list[str]:
        """Take in the records that are not there; answers an id for each."""
        given = []
        for change in changes:
            assert change.record is not None
            content = content_of(change.record)
            space = await self._space(change.scope)
            given.append((change, change.record, content, digest_of(content), space))
        for change in changes[:1]:
            self.at(change)
        for number in {space.number for *_, space in given}:
            await self._look_up(number, [digest for *_, digest, space in given if space.number == number])
        return [self._take(*one) for one in given]

    def _take(self, change: Change, record: Record, content: bytes, digest: bytes, space: _Space) -> str:
        key = (space.number, digest)
        there = self._there.get(key)
        if there is not None and not self._imports:
            return there
        at = self.at(change)
        doc = space.docs
        space.docs += 1
        speaker = speakers.speaker_of(record)
        terms = words.terms(speakers.indexed_text(record, speaker))
        space.gathered.add(doc, terms)
        space.waiting += 1
        live = 1 if there is None else 2
        made = columns_of(record, change.id, space.number, doc, digest, live, speaker, len(terms), at, content)
        self._records.append(
            tuple(
                stored(value) if n in _TEXTS else bool(value) if n in _FLAGS else value for n, value in enumerate(made)
            )
        )
        self._note(0, space.number, doc, change.id, at, reason=change.reason)
        self._there.setdefault(key, change.id)
        return change.id

    def _note(
        self,
        op: int,
        space: int,
        doc: int,
        id: str,
        at: int,
        by: str | None = None,
        ends: int | None = None,
        reason: str | None = None,
    ) -> None:
        self._entries.append((op, space, doc, stored(id), at, stored(by), ends, stored(reason)))

    async def _look_up(self, number: int, digests: Sequence[bytes]) -> None:
        """Note which contents are there already."""
        found = await self._work.all(
            "SELECT hash, id, row, forgotten FROM record WHERE space = %s AND live = 1 AND hash = ANY(%s)",
            number,
            list(digests),
        )
        for digest, id, row, forgotten in found:
            if forgotten is not None and forgotten <= self._latest:  # its time is over, so this is a new one
                await self._work.run("UPDATE record SET live = 0 WHERE row = %s", row)
            else:
                self._there[number, digest] = shown(id)

    async def _take_in(self, scope: Scope, change: Change) -> bool:
        """Make a change of another store here, unless it was made before."""
        found = await reading.rows_of(self._work, scope, [change.id])
        if not found and await self._tombstones([change.id]):
            return False
        if change.op == "erase":
            if not found:
                space = await self._space(change.scope)
                self._note(_NUMBER["erase"], space.number, -1, change.id, self.at(change))
            for row in await reading.with_derived(self._work, scope, found):
                await self._destroy(row, self.at(change))
            return True
        if found and change.expects is not None and found[0][4] > change.expects:
            return False
        await self._change(scope, change)
        return True

    async def _tombstones(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that were erased here."""
        statement = f"SELECT id FROM log WHERE tenant = %s AND op = {_NUMBER['erase']} AND id = ANY(%s)"
        return {shown(id) for (id,) in await self._work.all(statement, self._tenant, [stored(id) for id in ids])}

    async def _change(self, scope: Scope, change: Change) -> None:
        found = await reading.rows_of(self._work, scope, [change.id])
        if not found:
            raise NotRemembered(change.id)
        if change.by == change.id:
            raise Conflict(f"the record {change.id!r} says that already", help="nothing needs to be superseded")
        row = found[0]
        record = to_record(row)
        if not changes_it(record, change):
            return
        at = self.at(change)
        after = changed(record, msgspec.structs.replace(change, at=instant(at)), record_of(row[9]))
        ends, retracted = (None if t is None else micros(t) for t in (after.valid_to, after.expired_at))
        live = await self._liveness(row) if after.expired_at is None and after.superseded_by is None else 0
        await self._work.run(
            "UPDATE record SET version = %s, ends = %s, retracted = %s, superseded_by = %s, live = %s WHERE row = %s",
            after.version,
            ends,
            retracted,
            stored(after.superseded_by),
            live,
            row[0],
        )
        end = ends if change.op == "supersede" else None
        self._note(_NUMBER[change.op], row[1], row[2], change.id, at, change.by, end, change.reason)

    async def _refuse_circle(self, change: Change) -> None:
        seen: set[str] = set()
        by = change.by
        while by is not None and by not in seen:
            seen.add(by)
            rows = await reading.rows_of(self._work, Scope(tenant=change.scope.tenant), [by])
            by = shown(rows[0][8]) if rows else None
            if by == change.id:
                raise circular(change)

    async def _liveness(self, row: Any) -> int:
        """A record that comes back while its twin was put again is current, but no longer the one that `put` finds."""
        twin = await self._work.first(
            "SELECT 1 FROM record WHERE space = %s AND hash = %s AND live = 1 AND row != %s",
            row[1],
            digest_of(row[9]),
            row[0],
        )
        return 1 if twin is None else 2

    async def _destroy(self, found: Any, at: int) -> None:
        row, space, doc, id, *_, content = found
        terms = sorted(set(terms_of(content)))
        held = await self._work.all(
            "SELECT term, body FROM posting WHERE space = %s AND chunk = %s AND term = ANY(%s)",
            space,
            postings.chunk_of(doc),
            terms,
        )
        for term, body in held:
            key = (space, term, postings.chunk_of(doc))
            kept = postings.without(body, doc)
            test = "WHERE space = %s AND term = %s AND chunk = %s"
            if not kept:
                await self._work.run(f"DELETE FROM posting {test}", *key)
            elif len(kept) < len(body):
                await self._work.run(f"UPDATE posting SET body = %s {test}", kept, *key)
        for table in ("record", "embedding"):
            await self._work.run(f"DELETE FROM {table} WHERE row = %s", row)
        await self._work.run("DELETE FROM log WHERE id = %s AND space = %s", id, space)
        self._note(_NUMBER["erase"], space, doc, shown(id), at)

    async def _add_tail(self, space: _Space) -> None:
        """The docs of earlier transactions that wait for their postings."""
        found = await self._work.all(
            "SELECT doc, content FROM record WHERE space = %s AND doc >= %s AND doc < %s",
            space.number,
            space.indexed,
            space.docs - space.waiting,
        )
        for doc, content in found:
            space.gathered.add(doc, terms_of(content))

    async def _space(self, scope: Scope) -> _Space:
        """The space of a scope, made when there is none."""
        key = key_of(scope)
        found = self._spaces.get(key)
        if found is None:
            select = "SELECT space, docs, indexed FROM space WHERE scope = %s"
            row = await self._work.first(select, key)
            if row is None:
                names = [stored(name) for name in (scope.tenant, scope.user, scope.agent, scope.project)]
                insert = (
                    'INSERT INTO space (tenant, scope, name, "user", agent, project) VALUES (%s, %s, %s, %s, %s, %s)'
                )
                await self._work.run(insert, self._tenant, key, *names)
                row = await self._work.first(select, key)
            found = self._spaces[key] = _Space(*row)
        return found


async def write_postings(work: Work, tenant: UUID, space: int, gathered: postings.Gathered) -> None:
    """Append the postings of docs."""
    blobs = list(gathered.blobs())
    for start in range(0, len(blobs), _AT_ONCE):
        await work.run(
            "INSERT INTO posting (tenant, space, chunk, term, body)"
            " SELECT %s, %s, * FROM unnest(%s::int[], %s::text[], %b::bytea[])"
            " ON CONFLICT (space, term, chunk) DO UPDATE SET body = posting.body || excluded.body",
            tenant,
            space,
            *columns(blobs[start : start + _AT_ONCE]),
        )
