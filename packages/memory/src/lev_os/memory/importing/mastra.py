"""Mastra: its tables. What we wrote there comes back as it was; of the rest, each message is an episode.

Threads are sessions, resources users, and the working memory of a resource a record of type `working`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ..backends.mastra import naming
from ..backends.mastra.log import MastraLog
from ..backends.mastra.messages import instant, is_ours, said_in
from ..backends.mastra.tables import Database, PostgresTables, SqliteTables, TableClient, all_threads, messages_of
from ..backends.mastra.working import without
from .taking import Taking, name_of, time_of


def read(place: str, taking: Taking) -> None:
    """See `read_from`."""
    postgres = place.startswith(("postgresql://", "postgres://"))
    database: Database = (
        PostgresTables(place, make=False) if postgres else SqliteTables(str(Path(place).expanduser()), make=False)
    )
    try:
        own = naming.tenant_mark(taking.tenant)
        for thread in all_threads(database):
            mark = (thread["metadata"] or {}).get("levTenant") if isinstance(thread["metadata"], dict) else None
            if mark is None:
                _thread(database, thread, taking)
            elif mark != own:
                taking.leave("threads of other tenants; name theirs to read them")
        _working(database, taking)
    except BaseException:
        database.close()
        raise
    for change in asyncio.run(_ours(database, taking.tenant)):
        taking.add(msgspec.structs.replace(change, cursor=0))


async def _ours(database: Database, tenant: str) -> list[Any]:
    log = MastraLog(TableClient(database), adopting=False)
    try:
        return list(await log.read(tenant, 0))
    finally:
        await log.close()


def _thread(database: Database, thread: Mapping[str, Any], taking: Taking) -> None:
    owner, session = name_of(thread["resourceId"]), name_of(thread["id"])
    for message in messages_of(database, thread["id"], None):
        if is_ours(message):
            taking.leave("messages of ours in threads that are not")
            continue
        record = said_in(message, session, 1.0)
        at = instant(message["createdAt"])
        shown = {"title": thread["title"], "metadata": thread["metadata"]}
        about = {"thread": {name: value for name, value in shown.items() if value}}
        held = {**(record.data or {"mastra": {}})["mastra"], **about}
        data = {"mastra": {name: value for name, value in held.items() if value}}
        fields = {"role": record.role, "session": session, "valid_from": record.valid_from}
        taking.put(f"mastra:{message['id']}", at, {"user": owner}, text=record.text, data=data, **fields)


def _working(database: Database, taking: Taking) -> None:
    query = 'SELECT id, "workingMemory", "updatedAt" FROM mastra_resources WHERE "workingMemory" IS NOT NULL'
    for resource, text, updated in database.rows(query):
        at = time_of(updated) or datetime.now(UTC)
        text = without(text)  # our part of it is records of ours
        if not text:
            continue
        id = f"mastra:working:{resource}:{at.isoformat()}"
        taking.put(
            id, at, {"user": name_of(resource)}, type="working", text=text, data={"mastra": {"resource": resource}}
        )
