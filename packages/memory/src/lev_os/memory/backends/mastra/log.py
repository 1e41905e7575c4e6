"""A tenant's log on a Mastra server: a thread of entries, beside the threads that hold the records.

Records are saved first and the entries that name them after. A record that no entry names was not acknowledged, and is
left out; a message that is not ours, in a thread that is, was said there by an agent, and is taken in as an episode.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from ...tools import TRUST
from ...types import Change, Scope
from .. import Capability
from . import naming
from .messages import (
    Entries,
    Kept,
    Message,
    entries_in,
    in_order,
    instant,
    is_ours,
    kept_in,
    log_message,
    record_message,
    said_in,
)
from .working import Working, merged

_ENTRIES = 1_000
_AT_ONCE = 200
_BYTES_AT_ONCE = 4_000_000
_TICK = timedelta(milliseconds=1)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Thread:
    """What is known of a thread: its scope, when it changed last, its messages, and the time of the last of them."""

    scope: Scope
    changed: str = ""
    ids: set[str] = field(default_factory=set)
    latest: datetime = _EARLIEST


class Memory(Protocol):
    """Threads and messages of Mastra's, over HTTP or in its tables."""

    def threads(self, mark: str) -> AsyncIterator[Mapping[str, Any]]:
        """Threads whose `levTenant` is the mark, those that changed last first."""
        ...

    def messages(self, thread: str, resource: str) -> AsyncIterator[tuple[Message, int]]:
        """Every message of a thread, the newest first, and how many there are."""
        ...

    async def create_thread(self, thread: str, resource: str, title: str, metadata: Mapping[str, str]) -> None:
        """Make a thread; one that is there gets this title and metadata."""
        ...

    async def save(self, messages: Sequence[Message]) -> None:
        """Save messages of one thread; those with an id that is there take its place."""
        ...

    async def working(self, thread: str, resource: str) -> str | None:
        """The working memory of a resource, one of whose threads is named; None where there can be none."""
        ...

    async def set_working(self, thread: str, resource: str, text: str) -> None:
        """Replace the working memory of a resource."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MastraLog:
    """See `Log`."""

    capabilities: frozenset[Capability] = frozenset({"durable"})
    # Not `erase`: what a server's database still holds of deleted rows cannot be seen from here, let alone destroyed.
    # Not `concurrent`: there is no way to save a message only if nobody else has saved one.

    def __init__(self, client: Memory, *, adopting: bool = True) -> None:
        self._client = client
        self._adopting = adopting
        self._tenants: dict[str, dict[str, _Thread]] = {}
        self._working: dict[str, Working] = {}

    async def read(self, tenant: str, after: int) -> Sequence[Change]:
        """See `Log.read`. One request when nothing has changed."""
        if not after or tenant not in self._tenants:
            self._tenants[tenant] = {}
            self._working[tenant] = Working()
        threads = self._tenants[tenant]
        said: dict[str, tuple[Scope, Message]] = {}
        batches: list[Entries] = []
        for id in await self._changed(tenant):
            fresh = await self._fresh(id, threads[id])
            if id == naming.log_of(tenant):
                batches = _whole(fresh, threads[id].ids)
            else:
                said |= {message["id"]: (threads[id].scope, message) for message in fresh}
                threads[id].ids |= {message["id"] for message in fresh}
        named = _named(tenant, batches)
        if after and named - said.keys():
            # Their threads had not changed yet when we looked: read everything again.
            return [change for change in await self.read(tenant, 0) if change.cursor > after]
        new = [change for entries in batches for change in _changes(tenant, entries, said)]
        new = in_order(sorted(new, key=lambda change: change.cursor), after)
        foreign = [found for id, found in said.items() if id not in named and not is_ours(found[1])]
        self._working[tenant].take_in(new)
        return [*new, *await self._adopt(tenant, foreign, new[-1] if new else None, after)]

    async def write(self, tenant: str, changes: Sequence[Change]) -> None:
        """See `Log.write`."""
        batch = uuid.uuid4().hex
        puts: dict[Scope, list[Change]] = {}
        for change in changes:
            if change.op == "put":
                puts.setdefault(change.scope, []).append(change)
        for scope, some in puts.items():
            await self._save_records(tenant, scope, batch, some)
        await self._save_entries(tenant, batch, changes, {})
        working = self._working[tenant]
        for resource in working.take_in(changes):
            await self._show_working(tenant, resource, working.of(resource, changes[-1].at))

    async def size(self) -> int:
        """Not known."""
        return 0

    async def close(self) -> None:
        """See `Log.close`."""
        await self._client.close()

    async def _changed(self, tenant: str) -> list[str]:
        """The tenant's threads that changed since they were read last."""
        threads = self._tenants[tenant]
        found = []
        async for said in self._client.threads(naming.tenant_mark(tenant)):
            id, changed = said["id"], said["updatedAt"]
            if id in threads and threads[id].changed == changed:
                break  # the last to change come first
            scope = _scope_of(said)
            if scope is None or scope.tenant != tenant:
                continue  # somebody else has given a thread our mark
            threads.setdefault(id, _Thread(scope)).changed = changed
            found.append(id)
        return found

    async def _fresh(self, id: str, thread: _Thread) -> list[Message]:
        """The messages of a thread that are not known, the newest first."""
        found: dict[str, Message] = {}
        async for message, total in self._client.messages(id, naming.resource_of(thread.scope)):
            thread.latest = max(thread.latest, instant(message["createdAt"]))
            if message["id"] not in thread.ids:
                found[message["id"]] = message
            if len(thread.ids) + len(found) == total:
                break
        return list(found.values())

    async def _adopt(
        self, tenant: str, foreign: Sequence[tuple[Scope, Message]], last: Change | None, after: int
    ) -> list[Change]:
        """Enter into the log what agents said."""
        if not foreign:
            return []
        cursor = after if last is None else last.cursor
        at = _EARLIEST if last is None else last.at
        changes: list[Change] = []
        named: dict[str, str] = {}
        for scope, message in sorted(foreign, key=lambda found: instant(found[1]["createdAt"])):
            cursor, at = cursor + 1, max(at, instant(message["createdAt"]))
            id = f"mastra:{message['id']}"
            named[id] = message["id"]
            record = said_in(message, scope.session, TRUST)
            changes.append(Change(op="put", id=id, scope=scope, at=at, record=record, cursor=cursor))
        if self._adopting:
            await self._save_entries(tenant, uuid.uuid4().hex, changes, named)
        return changes

    async def _save_records(self, tenant: str, scope: Scope, batch: str, puts: Sequence[Change]) -> None:
        id, resource = naming.thread_of(scope), naming.resource_of(scope)
        thread = await self._thread(tenant, id, scope, (scope.session or "(no session)").replace("\0", "\ufffd"))
        waiting: list[Message] = []
        size = 0
        for change in puts:
            assert change.record is not None
            name, at = naming.message_of(tenant, change.id), _next(thread, change.at)
            message = record_message(name, id, resource, at, Kept(change.id, batch, change.record))
            length = 3 * len(change.record.text)
            if waiting and (len(waiting) == _AT_ONCE or size + length > _BYTES_AT_ONCE):
                await self._client.save(waiting)
                waiting, size = [], 0
            waiting.append(message)
            thread.ids.add(name)
            size += length
        await self._client.save(waiting)

    async def _save_entries(
        self, tenant: str, batch: str, changes: Sequence[Change], adopted: Mapping[str, str]
    ) -> None:
        id, owner = naming.log_of(tenant), Scope(tenant=tenant)
        thread = await self._thread(tenant, id, owner, "Leviathan's log: what happened to the records")
        for start in range(0, len(changes), _ENTRIES):
            some = tuple(changes[start : start + _ENTRIES])
            own = {change.id: adopted[change.id] for change in some if change.id in adopted}
            entries = Entries(batch, some, start + _ENTRIES >= len(changes), own)
            name, at = f"lev-log.{batch}.{start // _ENTRIES}", _next(thread, changes[0].at)
            await self._client.save([log_message(name, id, naming.resource_of(owner), at, entries)])
            thread.ids.add(name)

    async def _show_working(self, tenant: str, resource: str, ours: Sequence[str]) -> None:
        """Show what holds now to Mastra's agents."""
        found = (id for id, thread in self._tenants[tenant].items() if naming.resource_of(thread.scope) == resource)
        thread = next(found)
        theirs = await self._client.working(thread, resource)
        if theirs is not None:
            await self._client.set_working(thread, resource, merged(theirs, ours))

    async def _thread(self, tenant: str, id: str, scope: Scope, title: str) -> _Thread:
        """What is known of a thread, made on the server when there is none."""
        thread = self._tenants[tenant].get(id)
        if thread is None:
            metadata = {"levTenant": naming.tenant_mark(tenant), "levScope": msgspec.json.encode(scope).decode()}
            await self._client.create_thread(id, naming.resource_of(scope), title, metadata)
            thread = self._tenants[tenant][id] = _Thread(scope)
        return thread


def _next(thread: _Thread, at: datetime) -> datetime:
    """A time for the next message of a thread: Mastra orders them by it, so no two share one."""
    thread.latest = max(at, thread.latest + _TICK)
    return thread.latest


def _scope_of(thread: Mapping[str, object]) -> Scope | None:
    """Whose thread it is, if its names agree with what it says."""
    metadata = thread.get("metadata")
    text = metadata.get("levScope") if isinstance(metadata, dict) else None
    try:
        scope = msgspec.json.decode(text, type=Scope) if isinstance(text, str) else None
    except (msgspec.MsgspecError, ValueError):
        return None
    if scope is None or thread["resourceId"] != naming.resource_of(scope):
        return None
    return scope if thread["id"] in (naming.thread_of(scope), naming.log_of(scope.tenant)) else None


def _whole(messages: Sequence[Message], known: set[str]) -> list[Entries]:
    """The batches in new messages of a log that are complete; their messages are then known."""
    parts = [(message["id"], entries) for message in messages if (entries := entries_in(message)) is not None]
    complete = {entries.batch for _, entries in parts if entries.last}
    known |= {id for id, entries in parts if entries.batch in complete}
    return [entries for _, entries in parts if entries.batch in complete]


def _named(tenant: str, batches: Sequence[Entries]) -> set[str]:
    """The messages that hold the records of some batches."""
    return {
        entries.adopted.get(change.id) or naming.message_of(tenant, change.id)
        for entries in batches
        for change in entries.changes
        if change.op == "put"
    }


def _changes(tenant: str, entries: Entries, said: Mapping[str, tuple[Scope, Message]]) -> Iterator[Change]:
    """The changes of a part of the log, puts with their records; one whose message has gone is left out."""
    for change in entries.changes:
        if change.op != "put":
            yield change
            continue
        own = entries.adopted.get(change.id)
        scope, message = said.get(own or naming.message_of(tenant, change.id), (None, None))
        if scope is None or message is None or scope != change.scope:
            continue
        if own is not None:
            yield msgspec.structs.replace(change, record=said_in(message, scope.session, TRUST))
        elif (kept := kept_in(message)) is not None and kept.batch == entries.batch:
            yield msgspec.structs.replace(change, record=kept.record)
