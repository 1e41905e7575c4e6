"""A memory's log as lines of JSON, and back: every record with all that happened to it, so that nothing is lost.

The first line is `{"lev_memory": 1}`, each other line one `Change` in the order of the log. `expects` is the version of
the record before the change, by which an import knows what it has already.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from lev_os.core.errors import InvalidInput, LevError, Location, Problem

from .backends import MemoryBackend
from .errors import StoreProblem
from .lifecycle import lacking
from .types import Change, Filter, Record, Scope, as_scope

if TYPE_CHECKING:
    from .manager import MemoryManager

FORMAT = 1
_PAGE = 1_000
_HEADER = b'{"lev_memory":1}'
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Change).decode


async def export_pages(backend: MemoryBackend, scope: Scope) -> AsyncIterator[Sequence[Change]]:
    """The log of a scope from its beginning, each change with the version that it expects."""
    scope = as_scope(scope)
    versions: dict[str, int] = {}
    cursor = 0
    while page := await backend.changes(scope, cursor, _PAGE):
        made = []
        for change in page:
            version = versions.get(change.id, 0)
            versions[change.id] = version + 1
            made.append(msgspec.structs.replace(change, expects=version))
        yield made
        cursor = page[-1].cursor


def pages_of(changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
    """Changes in pages, so that they need not be held all at once."""
    left = iter(changes)
    while page := list(islice(left, _PAGE)):
        yield page


def placed(changes: Sequence[Change], target: Scope) -> Sequence[Change]:
    """Changes with the target's tenant, and its other fields where it sets them."""
    if as_scope(target).session is not None:
        raise LevError("records are imported with their own sessions", help="leave `session` out of the scope")
    return [msgspec.structs.replace(change, scope=_placed(change.scope, target)) for change in changes]


class Migrated(msgspec.Struct, frozen=True):
    """What a migration came to: records that are now in both memories, and changes that were new to the target."""

    records: int
    changes: int


async def compare(source: MemoryManager, target: MemoryManager, scope: Scope, changes: int) -> Migrated:
    """Check that every record of the source is in the target, with the same hash and in the same state."""
    there = {record.id: _state(record) async for record in _everything(target, scope)}
    count = 0
    async for record in _everything(source, scope):
        count += 1
        if there.get(record.id) != _state(record):
            what = "is missing" if record.id not in there else "differs"
            help = "nothing was lost in the source; find what else writes to the target, then migrate again"
            raise StoreProblem(f"after the migration the record {record.id!r} {what} in the target", help=help)
    return Migrated(count, changes)


async def _everything(memory: MemoryManager, scope: Scope) -> AsyncIterator[Record]:
    cursor: int | None = None
    while True:
        page = await memory.query(Filter(retired=True), scope=scope, cursor=cursor, limit=_PAGE)
        for record in page.records:
            yield record
        if (cursor := page.cursor) is None:
            return


def _state(record: Record) -> tuple[object, ...]:
    return record.hash, record.version, record.valid_to, record.expired_at, record.superseded_by


def _placed(own: Scope, target: Scope) -> Scope:
    return Scope(
        tenant=target.tenant,
        user=target.user or own.user,
        agent=target.agent or own.agent,
        project=target.project or own.project,
        session=own.session,
    )


def to_line(change: Change) -> str:
    """A change as a line."""
    return _encode(msgspec.structs.replace(change, cursor=0)).decode() + "\n"


def header() -> str:
    """The first line of an export."""
    return _HEADER.decode() + "\n"


def from_lines(lines: Iterable[str], *, path: str | None = None) -> Iterator[Change]:
    """The changes of an export; raises `InvalidInput` at the line that is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if number == 1:
            _check_header(line, path)
            continue
        try:
            change = _decode(line)
            if (name := lacking(change)) is not None:
                raise ValueError(f"it lacks `{name}`")
        except (msgspec.MsgspecError, InvalidInput, ValueError) as error:
            message = f"this line is no change of a memory: {error}"
            help = "export again, or mend the line, and import all of it: what was taken in already is skipped"
            raise InvalidInput([Problem("MEM201", message, Location(path, number, 1), help=help)]) from None
        yield change


def _check_header(line: str, path: str | None) -> None:
    try:
        version = msgspec.json.decode(line).get("lev_memory")
    except (msgspec.MsgspecError, AttributeError, UnicodeError):
        version = None
    if version == FORMAT:
        return
    if isinstance(version, int):
        message, help = f"this export has format {version}; this version knows {FORMAT}", "upgrade lev-os-memory"
    else:
        message, help = "this is no export of a memory", 'its first line is {"lev_memory": 1}; see `lev memory export`'
    raise InvalidInput([Problem("MEM202", message, Location(path, 1, 1), help=help)])
