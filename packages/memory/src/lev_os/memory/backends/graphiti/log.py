"""The log of changes in a graph, beside what Graphiti shows of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

from ...types import Change
from .. import Capability
from . import naming
from .projection import hide, show

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Change).decode


class Graph(Protocol):
    """A database that Graphiti can use."""

    @property
    def at_once(self) -> int:
        """Changes that one statement writes; all of them where there are no transactions."""
        ...

    async def rows(self, query: str, /, **values: Any) -> list[dict[str, Any]]:
        """The rows of a statement on the log."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """All statements inside, or none, where that can be; alone in any case."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """No transaction of ours runs meanwhile."""
        ...

    def of_group(self, group: str) -> Any:
        """Graphiti's driver for a group."""
        ...

    async def make_indexes(self) -> None:
        """What Graphiti's own search needs."""
        ...

    async def size(self) -> int:
        """Bytes on disk."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@runtime_checkable
class ScrubbedGraph(Graph, Protocol):
    """A graph that can leave no byte of what was deleted."""

    def intend_scrub(self) -> None:
        """Note on disk that something is about to be deleted, so that `scrub` is done whatever happens."""
        ...

    async def scrub(self) -> None:
        """Leave no byte of what was deleted."""
        ...


class GraphLog:
    """See `Log`. Nodes `LevChange` hold a change each, as JSON."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        able: tuple[Capability, ...] = ("durable", "erase") if isinstance(graph, ScrubbedGraph) else ("durable",)
        self.capabilities: Collection[Capability] = frozenset(able)
        self._written: dict[str, int] = {}

    async def read(self, tenant: str, after: int) -> Sequence[Change]:
        """See `Log.read`. Nobody else can write, so nothing is asked when nothing can be new."""
        if after and self._written.get(tenant) == after:
            return []
        query = (
            "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.cursor > $after"
            " RETURN c.cursor AS cursor, c.body AS body ORDER BY c.cursor"
        )
        rows = await self._graph.rows(query, tenant=naming.owner_of(tenant), after=after)
        changes = [msgspec.structs.replace(_decode(row["body"]), cursor=row["cursor"]) for row in rows]
        self._written[tenant] = changes[-1].cursor if changes else after
        if not after:
            await self._finish(tenant, changes)
        gone = {change.id for change in changes if change.op == "erase"}
        return [change for change in changes if change.op == "erase" or change.id not in gone]

    async def write(self, tenant: str, changes: Sequence[Change]) -> None:
        """See `Log.write`. The log is written by one statement, and what Graphiti sees after it."""
        self._written.pop(tenant, None)
        async with self._changing(changes):
            for start in range(0, len(changes), self._graph.at_once):
                rows = [_row(tenant, change) for change in changes[start : start + self._graph.at_once]]
                await self._graph.rows(
                    "UNWIND $rows AS r CREATE (:LevChange"
                    " {key: r.key, tenant: r.tenant, cursor: r.cursor, id: r.id, body: r.body})",
                    rows=rows,
                )
            await self._settle(tenant, changes)
        self._written[tenant] = changes[-1].cursor

    async def size(self) -> int:
        """See `Log.size`."""
        return await self._graph.size()

    async def close(self) -> None:
        """See `Log.close`."""
        await self._graph.close()

    async def _finish(self, tenant: str, changes: Sequence[Change]) -> None:
        """What a process that ended early had written and not shown."""
        owner = naming.owner_of(tenant)
        rows = await self._graph.rows("MATCH (s:LevShown) WHERE s.tenant = $t RETURN s.cursor AS cursor", t=owner)
        shown = rows[0]["cursor"] if rows else 0
        late = [change for change in changes if change.cursor > shown]
        if not late:
            return
        async with self._changing(late):
            await self._settle(tenant, late)

    @contextlib.asynccontextmanager
    async def _changing(self, changes: Sequence[Change]) -> AsyncIterator[None]:
        """A transaction, after which nothing is left of what is erased in it."""
        graph = self._graph
        erases = any(change.op == "erase" for change in changes)
        scrubbed = graph if erases and isinstance(graph, ScrubbedGraph) else None
        if scrubbed is not None:
            scrubbed.intend_scrub()
        async with graph.transaction():
            yield
        if scrubbed is not None:
            await scrubbed.scrub()

    async def _settle(self, tenant: str, changes: Sequence[Change]) -> None:
        """Bring what Graphiti sees to what the log says; may be done twice."""
        owner = naming.owner_of(tenant)
        erased = {change.id: change.cursor for change in changes if change.op == "erase"}
        for id, cursor in erased.items():
            log = [change for change in await self._log_of(tenant, id) if change.op != "erase"]
            if log:
                await hide(self._graph.of_group(naming.group_of(log[0].scope)), log)
            query = "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.id = $id AND c.cursor < $cursor DELETE c"
            await self._graph.rows(query, tenant=owner, id=naming.episode_of(tenant, id), cursor=cursor)
        logs: dict[str, list[Change]] = {}
        for change in changes:
            if change.id not in erased:
                logs.setdefault(change.id, []).append(change)
        for id, log in logs.items():
            driver = self._graph.of_group(naming.group_of(log[0].scope))
            await show(driver, log if log[0].op == "put" else await self._log_of(tenant, id))
        query = "MERGE (s:LevShown {tenant: $tenant}) SET s.cursor = $cursor"
        await self._graph.rows(query, tenant=owner, cursor=changes[-1].cursor)

    async def _log_of(self, tenant: str, id: str) -> list[Change]:
        query = "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.id = $id RETURN c.body AS body ORDER BY c.cursor"
        rows = await self._graph.rows(query, tenant=naming.owner_of(tenant), id=naming.episode_of(tenant, id))
        return [_decode(row["body"]) for row in rows]


def _row(tenant: str, change: Change) -> dict[str, Any]:
    """A node of the log. Names are spelt as Graphiti wants them: a graph takes no NUL, and the body has them anyway."""
    owner, id = naming.owner_of(tenant), naming.episode_of(tenant, change.id)
    body = _encode(msgspec.structs.replace(change, cursor=0)).decode()
    return {"key": f"{owner}:{change.cursor}", "tenant": owner, "cursor": change.cursor, "id": id, "body": body}
