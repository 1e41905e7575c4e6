"""How far each member is behind the primary memory's log, kept in the primary memory itself.

The log is the outbox: whatever is in it beyond a member's place has still to be delivered. Delivering twice does no
harm, so places are noted now and then. They are working records of a tenant that nobody else can have.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from lev_os.core.errors import LevError

from ...errors import Conflict, NotRemembered
from ...types import ANY, Change, Moment, Record, Scope
from .. import MemoryBackend

TENANT = "\0lev-memory-outbox"
"""The outbox's own tenant."""
_SCOPE = Scope(tenant=TENANT)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The log raises times to its latest, so that these entries move no clock."""
_PAGE = 1_000
_ALL = 1 << 31

Key = tuple[str, str]
"""A member's name and a tenant."""


class Outbox:
    """The places of members in the logs of tenants."""

    def __init__(self, primary: MemoryBackend) -> None:
        self._primary = primary
        self._noted: dict[Key, tuple[int, str]] = {}
        self._reached: dict[Key, int] = {}

    async def open(self) -> None:
        """Read the places that were noted."""
        cursor: int | None = None
        old: list[str] = []
        while True:
            page = await self._primary.query(_SCOPE, ANY, Moment(now=_LONG_AGO), cursor, _PAGE)
            for record in page.records:
                name, tenant, place = record.data
                before = self._noted.get((name, tenant))
                if before is not None:
                    old.append(before[1] if before[0] <= place else record.id)
                if before is None or before[0] <= place:
                    self._noted[name, tenant] = place, record.id
            if (cursor := page.cursor) is None:
                break
        self._reached = {key: place for key, (place, _) in self._noted.items()}
        for id in old:
            await self._forget(id)

    def tenants(self, name: str) -> Sequence[str]:
        """The tenants that a member has a place for."""
        return [tenant for member, tenant in self._reached if member == name]

    def knows(self, name: str, tenant: str) -> bool:
        """Whether the tenant is noted for a member."""
        return (name, tenant) in self._noted

    async def page(self, name: str, tenant: str) -> Sequence[Change]:
        """What is next to be delivered, each change with the version that it expects."""
        scope = Scope(tenant=tenant)
        changes = await self._primary.changes(scope, self._reached.get((name, tenant), 0), _PAGE)
        logs: dict[str, Sequence[Change]] = {}
        for change in changes:
            if change.op not in ("put", "erase") and change.id not in logs:
                logs[change.id] = await self._primary.changes(scope, 0, _ALL, change.id)
        return [_expecting(change, logs.get(change.id, ())) for change in changes]

    async def types(self, tenant: str, id: str) -> str | None:
        """The type of a record, None when it was erased."""
        first = await self._primary.changes(Scope(tenant=tenant), 0, 1, id)
        return first[0].record.type if first and first[0].record is not None else None

    def delivered(self, name: str, tenant: str, cursor: int) -> bool:
        """Go on from there; whether it is time to note it."""
        self._reached[name, tenant] = cursor
        return cursor - self._noted.get((name, tenant), (0, ""))[0] >= _PAGE

    async def note(self, name: str, tenant: str) -> None:
        """Keep a member's place, so that the next process goes on from it."""
        place = self._reached.setdefault((name, tenant), 0)
        before = self._noted.get((name, tenant))
        if before is not None and before[0] == place:
            return
        id = uuid.uuid4().hex
        record = Record(type="working", text="", data=[name, tenant, place])
        change = Change(op="put", id=id, scope=_SCOPE, at=_LONG_AGO, record=record)
        (id,) = await self._primary.append(_SCOPE, [change])
        self._noted[name, tenant] = place, id
        if before is not None and before[1] != id:
            await self._forget(before[1])

    async def note_all(self) -> None:
        """Keep every place."""
        for name, tenant in list(self._reached):
            await self.note(name, tenant)

    async def _forget(self, id: str) -> None:
        with contextlib.suppress(Conflict, NotRemembered):  # another process has done it
            await self._primary.append(_SCOPE, [Change(op="retract", id=id, scope=_SCOPE, at=_LONG_AGO)])


def _expecting(change: Change, log: Sequence[Change]) -> Change:
    version = next((n for n, other in enumerate(log) if other.cursor == change.cursor), 0)
    return msgspec.structs.replace(change, expects=version)


def refuse_own(scope: Scope) -> None:
    """Nobody may look into the outbox or write to it."""
    if scope.tenant == TENANT:
        raise LevError(f"the tenant {TENANT!r} belongs to hybrid memories", help="name another tenant")
