"""What a search asks of the server; see `search.source`. All of one search is asked in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...instants import micros
from ...lifecycle import record_of
from ...search.postings import POSTING
from ...search.source import FIELDS, state_at
from .rows import holding, shown
from .server import Work

EXACT = 8_192
"""Up to so many docs, every vector of a space is compared; above it, pgvector's index picks the nearest."""
_NEAR = 400
_NARROW = 0.05
"""When fewer of the docs are allowed, those alone are compared: an index would mostly find others."""
LARGEST = 4_000
"""Dimensions that an index of half vectors takes."""


class PostgresSource:
    """Answers within a transaction."""

    exact = EXACT

    def __init__(self, work: Work) -> None:
        self._work = work

    async def state(self, space: int) -> tuple[int | None, int, int]:
        found = await self._work.first(
            "SELECT (SELECT max(cursor) FROM log WHERE space = %s), docs, indexed FROM space WHERE space = %s",
            space,
            space,
        )
        return found or (None, 0, 0)

    async def changed(self, space: int, after: int, below: int) -> list[int]:
        statement = "SELECT DISTINCT doc FROM log WHERE space = %s AND cursor > %s AND op > 0 AND doc BETWEEN 0 AND %s"
        return [doc for (doc,) in await self._work.all(statement, space, after, below - 1)]

    async def fields(self, space: int, start: int, end: int) -> list[Any]:
        statement = f"SELECT {FIELDS} FROM record WHERE space = %s AND doc >= %s AND doc < %s ORDER BY doc"
        return [
            (*row[:3], shown(row[3]), shown(row[4]), *row[5:])
            for row in await self._work.all(statement, space, start, end)
        ]

    async def contents(self, space: int, start: int) -> list[tuple[int, bytes]]:
        statement = "SELECT doc, content FROM record WHERE space = %s AND doc >= %s ORDER BY doc"
        return await self._work.all(statement, space, start)

    async def session(self, space: int, session: str, below: int) -> list[tuple[int, int | None]]:
        test, values = holding({"session": session})
        statement = (
            f"SELECT doc, sequence FROM record r WHERE space = %s AND doc < %s{test} ORDER BY sequence NULLS LAST, row"
        )
        return await self._work.all(statement, space, below, *values)

    async def holding(self, space: int, below: int, fields: Mapping[str, Any]) -> list[int]:
        tests, values = holding(fields)
        statement = f"SELECT doc FROM record r WHERE space = %s AND doc < %s{tests}"
        return [doc for (doc,) in await self._work.all(statement, space, below, *values)]

    async def later(self, space: int, known: int) -> tuple[list[int], list[tuple[int, bool, int | None]]]:
        statement = "SELECT doc FROM record WHERE space = %s AND recorded > %s"
        later = [doc for (doc,) in await self._work.all(statement, space, known)]
        changed = await self._work.all(
            "SELECT r.doc, r.content, array_agg(l.op ORDER BY l.cursor) FILTER (WHERE l.at <= %s),"
            " array_agg(l.ends ORDER BY l.cursor) FILTER (WHERE l.at <= %s)"
            " FROM log l JOIN record r ON r.space = l.space AND r.doc = l.doc WHERE l.space = %s AND l.op > 0"
            " GROUP BY r.doc, r.content HAVING max(l.at) > %s",
            known,
            known,
            space,
            known,
        )
        return later, [(doc, *_state(content, ops or (), ends or ())) for doc, content, ops, ends in changed]

    async def postings(self, space: int, terms: Sequence[str]) -> dict[str, bytes]:
        statement = (
            "SELECT term, string_agg(body, ''::bytea ORDER BY chunk) FROM posting"
            " WHERE space = %s AND term = ANY(%s) GROUP BY term"
        )
        return dict(await self._work.all(statement, space, list(terms)))

    async def holders(self, space: int, terms: Sequence[str]) -> dict[str, int]:
        statement = (
            "SELECT term, sum(octet_length(body)) FROM posting WHERE space = %s AND term = ANY(%s) GROUP BY term"
        )
        return {
            term: int(size) // POSTING.itemsize for term, size in await self._work.all(statement, space, list(terms))
        }


class PostgresMeanings:
    """The vectors of one embedder in one space, compared by pgvector."""

    def __init__(self, work: Work, space: int, embedder: str) -> None:
        self._work = work
        self._space = space
        self._embedder = embedder

    async def every(self, query: Any, docs: int) -> Any | None:
        places, cosines = await self._cosines(query, "doc < %s", docs)
        if not len(places):
            return None
        return _spread(places, cosines, docs)

    async def nearest(self, query: Any, allowed: Any) -> Any:
        able = np.flatnonzero(allowed)
        if len(able) > _NARROW * len(allowed) and len(query) <= LARGEST:
            wanted = min(int(_NEAR * len(allowed) / len(able)), 1_000)
            await self._work.run(
                f"SELECT set_config('hnsw.ef_search', '{wanted}', true),"
                " set_config('hnsw.iterative_scan', 'relaxed_order', true)"
            )
            found = await self._work.all(
                f"SELECT doc FROM embedding WHERE space = %s AND {of_embedder(self._embedder)}"
                f" ORDER BY (body::halfvec({len(query)})) <=> %s::halfvec LIMIT {wanted}",
                self._space,
                written(query),
            )
            docs = np.array([doc for (doc,) in found], np.int64)
            docs = docs[docs < len(allowed)]
            docs = docs[allowed[docs]]
            if len(docs) >= _NEAR // 4:
                return docs
        places, cosines = await self._cosines(query, "doc = ANY(%s)", able.tolist())
        return places if len(places) <= _NEAR else places[np.argpartition(-cosines, _NEAR)[:_NEAR]]

    async def some(self, query: Any, docs: Any, surely: Any) -> Any:
        places, cosines = await self._cosines(query, "doc = ANY(%s)", docs.tolist())
        return _spread(np.searchsorted(docs, places), cosines, len(docs))

    async def _cosines(self, query: Any, test: str, value: Any) -> tuple[Any, Any]:
        """Docs, and their exact cosines."""
        docs, cosines = await self._work.first(
            "SELECT string_agg(int4send(doc), ''::bytea),"
            " string_agg(float4send((-(body::vector <#> %s::vector))::float4), ''::bytea)"
            f" FROM embedding WHERE space = %s AND {of_embedder(self._embedder)} AND {test}",
            written(query),
            self._space,
            value,
        )
        places = np.frombuffer(docs or b"", ">i4").astype(np.int64)
        return places, np.frombuffer(cosines or b"", ">f4").astype(np.float32)


def of_embedder(embedder: str) -> str:
    """The test for a vector's embedder: literal, as the partial index wants it."""
    quoted = embedder.replace("'", "''").replace("%", "%%")
    return f"embedder = '{quoted}'"


def written(vector: Any) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(str, vector.tolist()))}]"


def _spread(places: Any, cosines: Any, count: int) -> Any:
    found = np.zeros(count, np.float32)
    found[places] = cosines
    return found


def _state(content: bytes, ops: Sequence[int], ends: Sequence[int | None]) -> tuple[bool, int | None]:
    valid_to = record_of(content).valid_to
    return state_at(None if valid_to is None else micros(valid_to), list(zip(ops, ends, strict=True)))
