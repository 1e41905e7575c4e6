"""The store: every method of a backend as a transaction, and what is kept in memory to search."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from lev_os.core.errors import Problem

from ...instants import micros
from ...search.columns import Columns
from ...search.fields import terms_of
from ...search.finding import Finder
from ...search.postings import Gathered
from ...types import Change, Filter, Hit, Moment, Page, Probe, Record, Scope, Stats
from .. import Capability
from . import reading
from .rows import STATE, tenant_of
from .server import Server, Work
from .source import LARGEST, PostgresMeanings, PostgresSource, of_embedder, written
from .writing import Writer, write_postings

_MOST_CACHED = 4_000_000
"""Records whose columns are kept in memory, of all spaces together."""
_MARGIN = 1_000
"""So many rows before the last are looked at again for missing vectors: transactions do not end as they began."""
_REINDEXED = 20_000
_ERASED = ("record", "log", "posting", "embedding")


class PostgresBackend:
    """See `MemoryBackend`."""

    capabilities: frozenset[Capability] = frozenset(
        {"durable", "as_of", "known_at", "restore", "erase", "dense", "concurrent"}
    )
    problems: Sequence[Problem] = ()

    def __init__(self, server: Server, embedder: str | None) -> None:
        self._server = server
        self._embedder = embedder
        self._epoch = 0
        self._columns: OrderedDict[int, Columns] = OrderedDict()
        self._searching: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._embedded_up_to = 0
        self._indexed: set[int] = set()

    @classmethod
    async def connect(cls, url: str, embedder: str | None) -> PostgresBackend:
        """Open the database that a URL names."""
        return cls(await Server.connect(url), embedder)

    async def close(self) -> None:
        await self._server.close()

    async def append(self, scope: Scope, changes: Sequence[Change]) -> Sequence[str]:
        async with self._server.transaction("write", tenant_of(scope)) as work:
            return await (await Writer.begin(work, scope)).append(scope, changes)

    async def load(self, scope: Scope, changes: Sequence[Change]) -> int:
        async with self._server.transaction("write", tenant_of(scope)) as work:
            return await (await Writer.begin(work, scope, imports=True)).load(scope, changes)

    async def erase(self, scope: Scope, ids: Sequence[str], at: datetime) -> Sequence[str]:
        async with self._server.transaction("write", tenant_of(scope)) as work:
            gone = await (await Writer.begin(work, scope)).erase(scope, ids, micros(at))
        if gone:
            await self._server.rewrite(_ERASED)
        return gone

    async def get(self, scope: Scope, ids: Sequence[str], moment: Moment | None) -> Mapping[str, Record]:
        async with self._server.transaction("read", tenant_of(scope)) as work:
            return await reading.get(work, scope, ids, moment, self._embedder)

    async def scopes(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Scope]:
        async with self._server.transaction("read", tenant_of(scope)) as work:
            return await reading.scopes(work, scope, ids)

    async def query(self, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int) -> Page:
        async with self._server.transaction("read", tenant_of(scope)) as work:
            return await reading.query(work, scope, where, moment, after, limit, self._embedder)

    async def search(self, scope: Scope, probe: Probe) -> Sequence[Hit]:
        tenant = tenant_of(scope)
        # The columns of a space are those of the last transaction that caught up with it: one at a time.
        async with self._searching[tenant], self._server.transaction("read", tenant) as work:
            await self._renew(work)
            source = PostgresSource(work)
            spaces: list[tuple[Columns, PostgresMeanings | None]] = []
            for space in await reading.spaces_of(work, scope):
                means = None if self._embedder is None else PostgresMeanings(work, space, self._embedder)
                spaces.append((await self._caught_up(source, space), means))
            if not spaces:
                return []
            found = await Finder(source, spaces).search(scope, probe)
            rows = await work.all(f"SELECT {STATE} FROM record r WHERE r.row = ANY(%s)", [hit.row for hit in found])
            records = await reading.known(work, rows, probe.moment, self._embedder)
        by_row = {row[0]: record for row, record in zip(rows, records, strict=True)}
        return [Hit(record, hit.score, hit.parts) for hit in found if (record := by_row.get(hit.row)) is not None]

    async def changes(self, scope: Scope, after: int, limit: int, id: str | None = None) -> Sequence[Change]:
        async with self._server.transaction("read", tenant_of(scope)) as work:
            return await reading.changes(work, scope, after, limit, id)

    async def stats(self, scope: Scope, moment: Moment) -> Stats:
        async with self._server.transaction("read", tenant_of(scope)) as work:
            return await reading.stats(work, scope, moment, self._embedder)

    async def reindex(self) -> None:
        async with self._server.transaction("write", indexing="on") as work:
            await work.run("LOCK TABLE tenant IN EXCLUSIVE MODE")  # which every writer reads for update
            for table in ("posting", "embedding"):
                await work.run(f"DELETE FROM {table}")
            for space, tenant, docs in await work.all("SELECT space, tenant, docs FROM space"):
                for start in range(0, docs, _REINDEXED):
                    rows = await work.all(
                        "SELECT doc, content FROM record WHERE space = %s AND doc >= %s AND doc < %s ORDER BY doc",
                        space,
                        start,
                        start + _REINDEXED,
                    )
                    gathered = Gathered()
                    for doc, content in rows:
                        gathered.add(doc, terms_of(content))
                    await write_postings(work, tenant, space, gathered)
            await work.run("UPDATE space SET indexed = docs")
            await work.run("UPDATE meta SET value = value + 1 WHERE name = 'epoch'")

    async def unembedded(self, limit: int) -> Sequence[tuple[int, str]]:
        if self._embedder is None:
            return []
        async with self._server.transaction("read", indexing="on") as work:
            await self._renew(work)
            found = await reading.unembedded(work, self._embedder, self._embedded_up_to, limit)
            if not found:
                (last,) = await work.first("SELECT coalesce(max(row), 0) FROM record")
                self._embedded_up_to = max(self._embedded_up_to, last - _MARGIN)
        return found

    async def embed(self, vectors: Sequence[tuple[int, Any]]) -> None:
        if not vectors:
            return
        await self._index(len(vectors[0][1]))
        async with self._server.transaction("write", indexing="on") as work:
            await work.run(
                "INSERT INTO embedding SELECT r.row, r.tenant, r.space, r.doc, %s, given.body::halfvec"
                " FROM unnest(%s::bigint[], %s::text[]) AS given (row, body) JOIN record r ON r.row = given.row"
                " ON CONFLICT (row) DO UPDATE SET embedder = excluded.embedder, body = excluded.body",
                self._embedder,
                [row for row, _ in vectors],
                [written(vector) for _, vector in vectors],
            )

    async def _index(self, dimensions: int) -> None:
        """See that there is an index of the embedder's vectors."""
        if dimensions in self._indexed or dimensions > LARGEST or self._embedder is None:
            return
        name = f"embedding_near_{dimensions}_{tenant_of(Scope(tenant=self._embedder)).hex[:12]}"
        async with self._server.transaction("write") as work:
            if await work.first("SELECT to_regclass(%s)", name) == (None,):
                await work.run("LOCK TABLE meta IN EXCLUSIVE MODE")  # two that make an index at once would fail
                await work.run(
                    f"CREATE INDEX IF NOT EXISTS {name} ON embedding USING hnsw"
                    f" ((body::halfvec({dimensions})) halfvec_cosine_ops) WHERE {of_embedder(self._embedder)}"
                )
        self._indexed.add(dimensions)

    async def _renew(self, work: Work) -> None:
        """After a rebuild, by whatever process, nothing in memory holds any more."""
        (epoch,) = await work.first("SELECT value FROM meta WHERE name = 'epoch'")
        if epoch != self._epoch:
            self._epoch = epoch
            self._columns.clear()
            self._embedded_up_to = 0
            self._indexed.clear()

    async def _caught_up(self, source: PostgresSource, space: int) -> Columns:
        columns = self._columns.get(space)
        if columns is None:
            columns = self._columns[space] = Columns(space)
        self._columns.move_to_end(space)
        try:
            await columns.catch_up(source)
        except BaseException:
            self._columns.pop(space, None)  # it may be half done
            raise
        while len(self._columns) > 1 and sum(held.n for held in self._columns.values()) > _MOST_CACHED:
            self._columns.popitem(last=False)
        return columns
