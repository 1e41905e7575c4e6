"""`MemoryManager` without `await`: an event loop on a thread, and the same methods."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from lev_os.core.errors import Problem

from .assembly import Assembly, Plan
from .backends import Capability
from .consolidation import Consolidation, Extract, Policy
from .manager import MemoryManager
from .transfer import Migrated, from_lines, pages_of
from .types import ANY, Change, Erased, Filter, Hits, Page, Record, Scope, Stats

T = TypeVar("T")


class SyncMemory:
    """What `MemoryManager.open_sync` gives; `with` opens and closes it. Each method is the manager's of that name."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[MemoryManager]]) -> None:
        self._opened = opened()
        self._loop = _loop_of(os.getpid())
        self._memory: MemoryManager

    def __enter__(self) -> SyncMemory:
        self._memory = self._run(self._opened.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._opened.__aexit__(None, None, None))

    @property
    def capabilities(self) -> Collection[Capability]:
        return self._memory.capabilities

    @property
    def problems(self) -> Sequence[Problem]:
        return self._memory.problems

    def put(self, records: Iterable[Record], *, scope: Scope) -> list[str]:
        return self._run(self._memory.put(records, scope=scope))

    def get(
        self, id: str, *, scope: Scope, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> Record | None:
        return self._run(self._memory.get(id, scope=scope, as_of=as_of, known_at=known_at))

    def query(
        self,
        where: Filter = ANY,
        *,
        scope: Scope,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        cursor: int | None = None,
        limit: int = 100,
    ) -> Page:
        query = self._memory.query
        return self._run(query(where, scope=scope, as_of=as_of, known_at=known_at, cursor=cursor, limit=limit))

    def search(
        self,
        text: str,
        *,
        scope: Scope,
        k: int = 10,
        where: Filter = ANY,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        now: datetime | None = None,
        explain: bool = False,
    ) -> Hits:
        return self._run(
            self._memory.search(
                text, scope=scope, k=k, where=where, as_of=as_of, known_at=known_at, now=now, explain=explain
            )
        )

    def assemble(
        self,
        text: str,
        *,
        scope: Scope,
        budget: int,
        plan: Plan | None = None,
        where: Filter = ANY,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        now: datetime | None = None,
    ) -> Assembly:
        assemble = self._memory.assemble
        return self._run(
            assemble(text, scope=scope, budget=budget, plan=plan, where=where, as_of=as_of, known_at=known_at, now=now)
        )

    def supersede(self, id: str, new: Record, *, scope: Scope, reason: str | None = None) -> str:
        return self._run(self._memory.supersede(id, new, scope=scope, reason=reason))

    def supersede_by(
        self, id: str, by: str, *, scope: Scope, at: datetime | None = None, reason: str | None = None
    ) -> None:
        self._run(self._memory.supersede_by(id, by, scope=scope, at=at, reason=reason))

    def consolidate(
        self,
        policy: Policy | None = None,
        *,
        scope: Scope,
        dry_run: bool = False,
        extract: Extract | None = None,
        now: datetime | None = None,
    ) -> Consolidation:
        consolidate = self._memory.consolidate
        return self._run(consolidate(policy, scope=scope, dry_run=dry_run, extract=extract, now=now))

    def retract(self, id: str, *, scope: Scope, reason: str | None = None) -> None:
        self._run(self._memory.retract(id, scope=scope, reason=reason))

    def restore(self, id: str, *, scope: Scope, reason: str | None = None) -> None:
        self._run(self._memory.restore(id, scope=scope, reason=reason))

    def erase(self, which: str | Sequence[str] | Filter, *, scope: Scope) -> Erased:
        return self._run(self._memory.erase(which, scope=scope))

    def history(self, id: str, *, scope: Scope) -> list[Change]:
        return self._run(self._memory.history(id, scope=scope))

    def scopes(self, ids: Iterable[str], *, scope: Scope) -> dict[str, Scope]:
        return self._run(self._memory.scopes(ids, scope=scope))

    def changes(self, cursor: int = 0, *, scope: Scope, limit: int = 1_000) -> list[Change]:
        return self._run(self._memory.changes(cursor, scope=scope, limit=limit))

    def export(self, *, scope: Scope) -> Iterator[str]:
        lines = self._memory.export(scope=scope)
        while (line := self._run(_next(lines))) is not None:
            yield line

    def import_(self, lines: Iterable[str], *, scope: Scope, path: str | None = None) -> int:
        # Lines are read by the caller's thread: they may come from a memory of the same loop.
        pages = pages_of(from_lines(lines, path=path))
        return sum(self.take_in(page, scope=scope) for page in pages)

    def export_markdown(self, folder: str | Path, *, scope: Scope) -> int:
        return self._run(self._memory.export_markdown(folder, scope=scope))

    def import_markdown(self, folder: str | Path, *, scope: Scope) -> int:
        return self._run(self._memory.import_markdown(folder, scope=scope))

    def take_in(self, changes: Sequence[Change], *, scope: Scope) -> int:
        return self._run(self._memory.take_in(changes, scope=scope))

    def migrate(self, target: SyncMemory, *, scope: Scope) -> Migrated:
        return self._run(self._memory.migrate(target._memory, scope=scope))

    def stats(self, *, scope: Scope) -> Stats:
        return self._run(self._memory.stats(scope=scope))

    def reindex(self) -> None:
        self._run(self._memory.reindex())

    def settle(self) -> None:
        self._run(self._memory.settle())

    async def run(self, work: Callable[[MemoryManager], Coroutine[Any, Any, T]]) -> T:
        """Do something with the memory from another event loop than its own."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(self._memory), self._loop))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@cache
def _loop_of(process: int) -> asyncio.AbstractEventLoop:
    """The loop of all memories of a process; a forked one has none of its parent's threads."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="lev-memory-sync").start()
    return loop


async def _next(lines: AsyncIterator[str]) -> str | None:
    return await anext(lines, None)
