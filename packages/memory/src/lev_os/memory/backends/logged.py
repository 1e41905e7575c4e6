"""Backends whose truth is a log of changes that somebody else keeps: a server, a graph.

The log of a tenant is read when the tenant is first asked for, and what is new in it before each call. From it an index
is made in memory, the SQLite store of `memory://`, which checks and answers everything; what a call changed in the
index is then written to the log. When that fails the index is thrown away and made again, so the log is always right.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec
from lev_os.core.errors import LevError, Problem

from ..types import Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from . import Capability
from .sqlite.store import SqliteStore

T = TypeVar("T")
_MOST_HELD = 128
"""Tenants whose index is kept in memory."""
_BATCH = 256
_ALL = 1 << 31


class Log(Protocol):
    """The changes of tenants. Methods are called from one event loop, for one tenant one at a time."""

    @property
    def capabilities(self) -> Collection[Capability]:
        """Of `durable`, `erase` and `concurrent`, those that it gives; the rest comes from the index."""
        ...

    async def read(self, tenant: str, after: int) -> Sequence[Change]:
        """The changes with a cursor above `after`, by cursor. Of an erased record there is its `erase` alone."""
        ...

    async def write(self, tenant: str, changes: Sequence[Change]) -> None:
        """Keep changes with their cursors, all or none. An `erase` destroys what there was of its record."""
        ...

    async def size(self) -> int:
        """Bytes on disk, 0 when that is not known."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class _Index:
    """The index of one tenant. `store` is None when it must be made (again); `made` counts how often it was."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.lock = asyncio.Lock()
        self.store: SqliteStore | None = None
        self.made = 0
        self.cursor = 0

    def begin(self, embedder: str | None) -> SqliteStore:
        """An empty store; runs where stores live."""
        if self.store is not None:
            self.store.close()
        self.store = SqliteStore(":memory:", embedder)
        self.made += 1
        self.cursor = 0
        return self.store


class LoggedBackend:
    """See `MemoryBackend`."""

    def __init__(self, log: Log, embedder: str | None) -> None:
        self.log = log
        self.problems: list[Problem] = []
        answered: set[Capability] = {"as_of", "known_at", "restore", "dense"}
        self.capabilities: Collection[Capability] = frozenset(answered | set(log.capabilities))
        self._embedder = embedder
        self._indexes: OrderedDict[str, _Index] = OrderedDict()
        self._threads = ThreadPoolExecutor(1, "lev-memory")

    async def append(self, scope: Scope, changes: Sequence[Change]) -> Sequence[str]:
        async with self._index(scope) as (index, store):
            return await self._change(index, store, store.append, scope, changes)

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        async with self._index(scope) as (index, store):
            if "erase" not in self.capabilities:
                await self._run(store.refuse_erasing, scope, changes)
            return await self._change(index, store, store.load, scope, changes)

    async def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> Sequence[str]:
        async with self._index(scope) as (index, store):
            return await self._change(index, store, store.erase, scope, ids, at)

    async def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> Mapping[str, Record]:
        async with self._index(scope) as (_, store):
            return await self._run(store.reader.get, scope, ids, moment)

    async def scopes(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
        async with self._index(scope) as (_, store):
            return await self._run(store.reader.scopes, scope, ids)

    async def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        async with self._index(scope) as (_, store):
            return await self._run(store.reader.query, scope, where, moment, after, limit)

    async def search(self, scope: Scope, probe: Probe) -> Sequence[Hit]:
        async with self._index(scope) as (_, store):
            if probe.embed is not None:
                await self._run(_embed_missing, store, probe.embed)
            return await self._run(store.reader.search, scope, probe)

    async def changes(self, scope: Scope, after: int, limit: int, id: str | None = None) -> Sequence[Change]:
        async with self._index(scope) as (_, store):
            return await self._run(store.reader.changes, scope, after, limit, id)

    async def stats(self, scope: Scope, moment: Moment) -> Stats:
        async with self._index(scope) as (_, store):
            found = await self._run(store.reader.stats, scope, moment)
        return msgspec.structs.replace(found, bytes=await self.log.size())

    async def reindex(self) -> None:
        for _, store in self._held():
            await self._run(store.reindex)

    async def unembedded(self, limit: int) -> Sequence[tuple[Any, str]]:
        found: list[tuple[Any, str]] = []
        for index, store in self._held():
            made = index.made
            some = await self._run(store.reader.unembedded, limit - len(found))
            found += [((index.tenant, made, key), text) for key, text in some]
            if len(found) >= limit:
                break
        return found

    async def embed(self, vectors: Sequence[tuple[Any, Any]]) -> None:
        for index, store in self._held():
            own = [(key[2], vector) for key, vector in vectors if key[:2] == (index.tenant, index.made)]
            if own:
                await self._run(store.embed, own)

    async def close(self) -> None:
        for _, store in self._held():
            await self._run(store.close)
        self._threads.shutdown()
        await self.log.close()

    def _held(self) -> list[tuple[_Index, SqliteStore]]:
        return [(index, index.store) for index in self._indexes.values() if index.store is not None]

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _drop(self, index: _Index) -> None:
        """Nothing that is in the index may be relied on, or it is not needed; what runs on it ends first."""
        if index.store is not None:
            self._threads.submit(index.store.close)
            index.store = None

    @contextlib.asynccontextmanager
    async def _index(self, scope: Scope) -> AsyncIterator[tuple[_Index, SqliteStore]]:
        """The tenant's index, up to date, for one call at a time."""
        index = self._indexes.setdefault(scope.tenant, _Index(scope.tenant))
        self._indexes.move_to_end(scope.tenant)
        async with index.lock:
            yield index, await self._caught_up(index)
        while len(self._indexes) > _MOST_HELD:
            oldest = next((held for held in self._indexes.values() if not held.lock.locked()), None)
            if oldest is None:
                break
            self._drop(self._indexes.pop(oldest.tenant))

    async def _caught_up(self, index: _Index) -> SqliteStore:
        store = index.store
        if store is None:
            store = await self._run(index.begin, self._embedder)
        try:
            new = await self.log.read(index.tenant, index.cursor)
            if new and not await self._run(_take_in, store, index.tenant, new):
                # Somebody else has written what does not fit; what does is taken one by one.
                store = await self._run(index.begin, self._embedder)
                new = await self.log.read(index.tenant, 0)
                self.problems += await self._run(_take_in_each, store, index.tenant, new)
        except BaseException:
            self._drop(index)
            raise
        if new:
            index.cursor = new[-1].cursor
        return store

    async def _change(
        self, index: _Index, store: SqliteStore, change: Callable[..., T], scope: Scope, *given: Any
    ) -> T:
        try:
            answer = await self._run(change, scope, *given)
        except LevError:  # it was rolled back
            raise
        except BaseException:
            self._drop(index)
            raise
        try:
            fresh = await self._run(store.reader.changes, Scope(tenant=index.tenant), index.cursor, _ALL, None)
            if fresh:
                await self.log.write(index.tenant, fresh)
                index.cursor = fresh[-1].cursor
        except BaseException:
            self._drop(index)
            raise
        return answer


def _take_in(store: SqliteStore, tenant: str, changes: Sequence[Change]) -> bool:
    """Take changes in with their cursors; whether all of them fitted. If not, the store is of no use any more."""
    (before,) = store.db.execute("SELECT ifnull(max(cursor), 0) FROM log").fetchone()
    try:
        store.load(Scope(tenant=tenant), changes)
    except LevError:
        return False
    taken = store.db.execute("SELECT cursor FROM log WHERE cursor > ? ORDER BY cursor", (before,)).fetchall()
    if len(taken) != len(changes):
        return False
    # Backwards, since what is erased leaves gaps: a change never comes before the place it was given here.
    places = [(change.cursor, cursor) for change, (cursor,) in zip(changes, taken, strict=True)]
    moved = [place for place in reversed(places) if place[0] != place[1]]
    store.db.executemany("UPDATE log SET cursor = ? WHERE cursor = ?", moved)
    return True


def _take_in_each(store: SqliteStore, tenant: str, changes: Sequence[Change]) -> list[Problem]:
    """Take in what fits, and say what does not."""
    help = "something else has written to this memory or deleted from it; what does not fit is left out"
    return [
        Problem("MEM302", f"change {change.cursor} of the tenant {tenant!r} fits nothing before it", help=help)
        for change in changes
        if not _take_in(store, tenant, [change])
    ]


def _embed_missing(store: SqliteStore, embed: Callable[[str], Any]) -> None:
    """Make vectors of records that were read from the log."""
    while waiting := store.reader.unembedded(_BATCH):
        store.embed([(row, embed(text if text.strip() else "-")) for row, text in waiting])
