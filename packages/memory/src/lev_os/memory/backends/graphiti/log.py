"""The log of changes in a graph, beside what Graphiti shows of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from ...types import Change
from .. import Capability
from . import naming
from .projection import hide, show

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Change).decode
_AT_ONCE = 500


class Graph(Protocol):
    """A database that Graphiti can use."""

    async def rows(self, query: str, /, **values: Any) -> list[dict[str, Any]]:
        """The rows of a statement on the log."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """All statements inside, or none."""
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

    async def scrub(self) -> None:
        """Leave no byte of what was deleted."""
        ...

    async def size(self) -> int:
        """Bytes on disk."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class GraphLog:
    """See `Log`. Nodes `LevChange` hold a change each, as JSON."""

    capabilities: Collection[Capability] = frozenset({"durable", "erase"})

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._written: dict[str, int] = {}

    async def read(self, tenant: str, after: int) -> Sequence[Change]:
        """See `Log.read`. Nobody else can write, so nothing is asked when nothing can be new."""
        if after and self._written.get(tenant) == after:
            return []
        query = (
            "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.cursor > $after"
            " RETURN c.cursor AS cursor, c.body AS body ORDER BY c.cursor"
        )
        rows = await self._graph.rows(query, tenant=tenant, after=after)
        self._written[tenant] = rows[-1]["cursor"] if rows else after
        return [msgspec.structs.replace(_decode(row["body"]), cursor=row["cursor"]) for row in rows]

    async def write(self, tenant: str, changes: Sequence[Change]) -> None:
        """See `Log.write`."""
        self._written.pop(tenant, None)
        gone = {change.id for change in changes if change.op == "erase"}
        async with self._graph.transaction():
            for id in gone:
                if log := await self._log_of(tenant, id):
                    await hide(self._graph.of_group(naming.group_of(log[0].scope)), log)
                await self._graph.rows(
                    "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.id = $id DELETE c", tenant=tenant, id=id
                )
            for start in range(0, len(changes), _AT_ONCE):
                rows = [_row(tenant, change) for change in changes[start : start + _AT_ONCE]]
                await self._graph.rows(
                    "UNWIND $rows AS r CREATE (:LevChange"
                    " {key: r.key, tenant: r.tenant, cursor: r.cursor, id: r.id, body: r.body})",
                    rows=rows,
                )
            await self._show(tenant, [change for change in changes if change.id not in gone])
        if gone:
            await self._graph.scrub()
        self._written[tenant] = changes[-1].cursor

    async def size(self) -> int:
        """See `Log.size`."""
        return await self._graph.size()

    async def close(self) -> None:
        """See `Log.close`."""
        await self._graph.close()

    async def _show(self, tenant: str, changes: Sequence[Change]) -> None:
        logs: dict[str, list[Change]] = {}
        for change in changes:
            logs.setdefault(change.id, []).append(change)
        for id, log in logs.items():
            driver = self._graph.of_group(naming.group_of(log[0].scope))
            await show(driver, log if log[0].op == "put" else await self._log_of(tenant, id))

    async def _log_of(self, tenant: str, id: str) -> list[Change]:
        query = "MATCH (c:LevChange) WHERE c.tenant = $tenant AND c.id = $id RETURN c.body AS body ORDER BY c.cursor"
        return [_decode(row["body"]) for row in await self._graph.rows(query, tenant=tenant, id=id)]


def _row(tenant: str, change: Change) -> dict[str, Any]:
    owner = hashlib.sha256(tenant.encode()).hexdigest()
    body = _encode(msgspec.structs.replace(change, cursor=0)).decode()
    return {"key": f"{owner}:{change.cursor}", "tenant": tenant, "cursor": change.cursor, "id": change.id, "body": body}
