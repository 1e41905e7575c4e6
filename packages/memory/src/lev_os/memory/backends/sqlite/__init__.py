"""Memory in one SQLite file, or in none (`memory://`), with search by words and by meaning; needs no server.

Works with the SQLite that Python brings (3.40 or newer), without extensions. Several processes may use one file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from lev_os.core.errors import Problem

from ...types import Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from .. import Capability
from . import schema
from .store import SqliteStore

T = TypeVar("T")


async def connect(url: str, embedder: str | None) -> SqliteBackend:
    """Open `sqlite:///path` or `memory://`; see `backends.open_backend`."""
    path = schema.path_of(url)
    threads = ThreadPoolExecutor(1, "lev-memory")
    try:
        store = await asyncio.get_running_loop().run_in_executor(threads, SqliteStore, path, embedder)
    except BaseException:
        threads.shutdown()
        raise
    return SqliteBackend(store, threads)


class SqliteBackend:
    """See `MemoryBackend`: the store, on a thread of its own."""

    def __init__(
        self,
        store: SqliteStore,
        threads: ThreadPoolExecutor,
        problems: Sequence[Problem] = (),
        lacks: Mapping[Capability, str] = MappingProxyType({}),
    ) -> None:
        self.problems = problems
        self.lacks = lacks
        self._store = store
        self._threads = threads
        able: set[Capability] = {"as_of", "known_at", "restore", "erase", "dense"}
        if store.path != ":memory:":
            able |= {"durable", "concurrent"}
        self.capabilities: Collection[Capability] = able.difference(lacks)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def append(self, scope: Scope, changes: Sequence[Change]) -> Sequence[str]:
        return await self._run(self._store.append, scope, changes)

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        if "erase" not in self.capabilities:
            await self._run(self._store.refuse_erasing, scope, changes)
        return await self._run(self._store.load, scope, changes)

    async def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> Sequence[str]:
        return await self._run(self._store.erase, scope, ids, at)

    async def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> Mapping[str, Record]:
        return await self._run(self._store.reader.get, scope, ids, moment)

    async def scopes(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
        return await self._run(self._store.reader.scopes, scope, ids)

    async def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        return await self._run(self._store.reader.query, scope, where, moment, after, limit)

    async def search(self, scope: Scope, probe: Probe) -> Sequence[Hit]:
        return await self._run(self._store.reader.search, scope, probe)

    async def changes(self, scope: Scope, after: int, limit: int, id: str | None = None) -> Sequence[Change]:
        return await self._run(self._store.reader.changes, scope, after, limit, id)

    async def stats(self, scope: Scope, moment: Moment) -> Stats:
        return await self._run(self._store.reader.stats, scope, moment)

    async def reindex(self) -> None:
        await self._run(self._store.reindex)

    async def unembedded(self, limit: int) -> Sequence[tuple[int, str]]:
        return await self._run(self._store.reader.unembedded, limit)

    async def embed(self, vectors: Sequence[tuple[int, Any]]) -> None:
        await self._run(self._store.embed, vectors)

    async def close(self) -> None:
        await self._run(self._store.close)
        self._threads.shutdown()
