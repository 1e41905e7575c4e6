"""Questions to the tables, within a transaction of the scope's tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...instants import instant, micros
from ...lifecycle import SOURCES, comes_from, fold, is_visible, matches, record_of
from ...search import speakers
from ...search.fields import PLAN
from ...types import MEMORY_TYPES, Change, Filter, Moment, Page, Record, Scope, Stats
from .rows import ENTRY, STATE, in_session, passing, shown, stored, tenant_of, to_change, to_record, to_scope
from .server import Work

_PAGE = 1_000


async def spaces_of(work: Work, scope: Scope) -> list[int]:
    """The spaces of a scope: those of its tenant that agree with every field it sets."""
    tests, values = "tenant = %s", [tenant_of(scope)]
    for name in ("user", "agent", "project"):
        if (value := getattr(scope, name)) is not None:
            tests += f' AND "{name}" = %s'
            values.append(stored(value))
    return [space for (space,) in await work.all(f"SELECT space FROM space WHERE {tests} ORDER BY space", *values)]


async def rows_of(work: Work, scope: Scope, ids: Sequence[str]) -> list[Any]:
    """The rows of `STATE` of those records that are in the scope."""
    test, values = in_session(scope)
    return await work.all(
        f"SELECT {STATE} FROM record r WHERE r.id = ANY(%s) AND r.space = ANY(%s){test}",
        [stored(id) for id in ids],
        await spaces_of(work, scope),
        *values,
    )


async def with_derived(work: Work, scope: Scope, rows: Sequence[Any]) -> list[Any]:
    """Rows of `STATE`, and those of everything in the tenant that was derived from them."""
    spaces = await spaces_of(work, Scope(tenant=scope.tenant))
    scopes = await _scopes(work, set(spaces))
    select = (
        f"SELECT {STATE} FROM record r WHERE r.row > %s AND position(%s::bytea in r.content) > 0"
        " AND r.space = ANY(%s) ORDER BY r.row LIMIT %s"
    )
    found = {row[0]: row for row in rows}
    fresh = list(rows)
    while fresh:
        gone: dict[str, list[Scope]] = {}
        for row in fresh:
            gone.setdefault(shown(row[3]), []).append(scopes[row[1]])
        fresh, last = [], -1
        while page := await work.all(select, last, SOURCES, spaces, _PAGE):
            last = page[-1][0]
            fresh += [row for row in page if row[0] not in found and comes_from(row[9], scopes[row[1]], gone)]
        found |= {row[0]: row for row in fresh}
    return list(found.values())


async def get(
    work: Work, scope: Scope, ids: Sequence[str], moment: Moment | None, embedder: str | None
) -> dict[str, Record]:
    """See `MemoryBackend.get`."""
    records = await known(work, await rows_of(work, scope, ids), moment, embedder)
    return {
        record.id: record for record in records if record is not None and (moment is None or is_visible(record, moment))
    }


async def scopes(work: Work, scope: Scope, ids: Sequence[str]) -> dict[str, Scope]:
    """See `MemoryBackend.scopes`."""
    test, values = in_session(scope)
    rows = await work.all(
        f"SELECT r.id, r.space, r.session FROM record r WHERE r.id = ANY(%s) AND r.space = ANY(%s){test}"
        " ORDER BY r.row DESC",
        [stored(id) for id in ids],
        await spaces_of(work, scope),
        *values,
    )
    own = await _scopes(work, {row[1] for row in rows})
    return {shown(id): msgspec.structs.replace(own[space], session=shown(session)) for id, space, session in rows}


async def query(
    work: Work, scope: Scope, where: Filter, moment: Moment, after: int | None, limit: int, embedder: str | None
) -> Page:
    """See `MemoryBackend.query`."""
    found: list[Record] = []
    # What was retracted since may have been known then, so the past is not asked of the columns of today.
    tests, values = passing(msgspec.structs.replace(where, retired=where.retired or bool(moment.known_at)))
    test, session = in_session(scope)
    spaces = await spaces_of(work, scope)
    last = after or 0
    while True:
        rows = await work.all(
            f"SELECT {STATE} FROM record r WHERE r.row > %s AND r.space = ANY(%s){test}{tests}"
            f" ORDER BY r.row LIMIT {_PAGE}",
            last,
            spaces,
            *session,
            *values,
        )
        for row, record in zip(rows, await known(work, rows, moment, embedder), strict=True):
            last = row[0]
            if record is not None and matches(record, where) and (where.retired or is_visible(record, moment)):
                found.append(record)
                if len(found) == limit:
                    return Page(tuple(found), last)
        if len(rows) < _PAGE:
            return Page(tuple(found))


async def changes(work: Work, scope: Scope, after: int, limit: int, id: str | None) -> list[Change]:
    """See `MemoryBackend.changes`."""
    test, values = in_session(scope)
    if id is not None:
        test, values = f"{test} AND l.id = %s", (*values, stored(id))
    # Entries of an erased record have no session any more: a scope with a session does not show them.
    rows = await work.all(
        f"SELECT {ENTRY}, r.content FROM log l LEFT JOIN record r ON r.space = l.space AND r.doc = l.doc"
        f" WHERE l.cursor > %s AND l.space = ANY(%s){test} ORDER BY l.cursor LIMIT %s",
        after,
        await spaces_of(work, scope),
        *values,
        limit,
    )
    scopes = await _scopes(work, {row[2] for row in rows})
    return [to_change(row, scopes[row[2]]) for row in rows]


async def stats(work: Work, scope: Scope, moment: Moment, embedder: str | None) -> Stats:
    """See `MemoryBackend.stats`."""
    now = micros(moment.now)
    test, values = in_session(scope)
    rows = await work.all(
        "SELECT r.type, count(*), count(*) FILTER (WHERE r.retracted IS NULL AND (r.ends IS NULL OR r.ends > %s)"
        " AND (r.forgotten IS NULL OR r.forgotten > %s)"
        f" AND (r.begins <= greatest(r.recorded, %s) OR r.type = {PLAN})),"
        " count(*) FILTER (WHERE v.row IS NULL OR v.embedder != %s)"
        f" FROM record r LEFT JOIN embedding v ON v.row = r.row WHERE r.space = ANY(%s){test}"
        " GROUP BY r.type ORDER BY 1",
        now,
        now,
        now,
        embedder or "",
        await spaces_of(work, scope),
        *values,
    )
    (size,) = await work.first(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class"
        " WHERE relnamespace = 'lev_memory'::regnamespace AND relkind = 'r'"
    )
    return Stats(
        records=sum(row[1] for row in rows),
        current=sum(row[2] for row in rows),
        by_type={MEMORY_TYPES[row[0]]: row[1] for row in rows},
        unembedded=sum(row[3] for row in rows) if embedder else 0,
        bytes=size,
    )


async def unembedded(work: Work, embedder: str, after: int, limit: int) -> list[tuple[int, str]]:
    """Rows beyond one that lack a vector of the embedder, ascending, and what their vectors are made of."""
    rows = await work.all(
        "SELECT r.row, r.content FROM record r LEFT JOIN embedding v ON v.row = r.row"
        " WHERE r.row > %s AND (v.row IS NULL OR v.embedder != %s) ORDER BY r.row LIMIT %s",
        after,
        embedder,
        limit,
    )
    return [(row, speakers.said(record_of(content))) for row, content in rows]


async def known(work: Work, rows: Sequence[Any], moment: Moment | None, embedder: str | None) -> list[Record | None]:
    """The records of rows of `STATE` as they were known at the moment; None for those that were not there yet."""
    embedded: dict[int, str] = {}
    if embedder is not None and rows:
        statement = "SELECT row, embedder FROM embedding WHERE row = ANY(%s)"
        embedded = dict(await work.all(statement, [row[0] for row in rows]))
    if moment is None or moment.known_at is None:
        return [to_record(row, embedded.get(row[0])) for row in rows]
    at = micros(moment.known_at)
    logs: dict[tuple[int, str], list[Any]] = {}
    entries = await work.all(
        f"SELECT {ENTRY}, NULL::bytea FROM log l WHERE l.id = ANY(%s) AND l.op > 0 ORDER BY l.cursor",
        [row[3] for row in rows],
    )
    for entry in entries:
        logs.setdefault((entry[2], entry[3]), []).append(entry)
    scopes = await _scopes(work, {row[1] for row in rows})
    found: list[Record | None] = []
    for row in rows:
        log = logs.get((row[1], row[3]), [])
        if row[5] > at:
            found.append(None)
        elif not any(entry[4] > at for entry in log):
            found.append(to_record(row, embedded.get(row[0])))
        else:
            then = to_record(row)
            first = Change(op="put", id=then.id, scope=scopes[row[1]], at=instant(row[5]), record=record_of(row[9]))
            record = fold([first, *(to_change(entry, scopes[row[1]]) for entry in log)], moment.known_at)
            if record is not None:
                msgspec.structs.force_setattr(record, "embedder", embedded.get(row[0]))
            found.append(record)
    return found


async def _scopes(work: Work, spaces: set[int]) -> dict[int, Scope]:
    statement = 'SELECT space, name, "user", agent, project FROM space WHERE space = ANY(%s)'
    return {row[0]: to_scope(row[1:]) for row in await work.all(statement, list(spaces))}
