"""`MemoryManager`: what a program talks to. It checks scopes, makes ids, keeps time, embeds, and asks the backend."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core.errors import LevError, Problem

from . import backends
from .backends import Capability, MemoryBackend, require, scopes_of
from .embedding import EmbedderChoice, Indexer, choose_embedder
from .errors import NotRemembered, bad_reason, bad_record
from .search.times import period_in
from .transfer import (
    Migrated,
    compare,
    export_pages,
    from_lines,
    header,
    pages_of,
    placed,
    to_line,
)
from .types import (
    ANY,
    Change,
    Erased,
    Filter,
    Hits,
    Moment,
    Operation,
    Page,
    Probe,
    Record,
    Scope,
    Stats,
    as_number,
    as_records,
    as_scope,
    is_text,
    utc,
)

if TYPE_CHECKING:
    from .assembly import Assembly, Plan
    from .backends.hybrid.model import Hybrid
    from .consolidation import Consolidation, Extract, Policy
    from .sync import SyncMemory

_PAGE = 1_000


class _Closed:
    """In the place of a backend that is no longer open."""

    def __init__(self, backend: MemoryBackend) -> None:
        self.capabilities = backend.capabilities
        self.problems = backend.problems

    def __getattr__(self, name: str) -> Any:
        raise LevError("this memory was closed", help="use it within its `with`, or open it again")


class MemoryManager:
    """One memory. Open it with `open` or `open_sync`; every method takes the scope it is for.

    Times default to now; `now`, where a method takes it, is the time from which the question is asked.
    Errors are `LevError`s: `InvalidInput`, `NotRemembered`, `Conflict`, `Unsupported`, `StoreProblem`, `NoModel`.
    """

    def __init__(
        self, backend: MemoryBackend, indexer: Indexer | None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.backend = backend
        self._indexer = indexer
        self._clock = clock or (lambda: datetime.now(UTC))
        self._latest = datetime.min.replace(tzinfo=UTC)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, url: str | Hybrid, *, embedder: EmbedderChoice = "static", clock: Callable[[], datetime] | None = None
    ) -> AsyncIterator[MemoryManager]:
        """Open the memory that a URL (`sqlite:///memory.db`, `memory://`) or a `Hybrid` names, and close it at the end.

        `embedder` makes search understand meaning: `static` (fast, needs nothing), `minilm` (better, an extra), a
        name of Pydantic AI's, an `Embedder`, or None for words alone. After a change of embedder, vectors are made
        anew in the background while search goes on.
        """
        chosen = choose_embedder(embedder)
        backend = await backends.open_backend(url, None if chosen is None else chosen.digest)
        try:
            indexer = None if chosen is None else Indexer(chosen, backend)
            memory = cls(backend, indexer, clock)
            if indexer is not None:
                await indexer.start()
            try:
                yield memory
            finally:
                memory.backend, memory._indexer = _Closed(backend), None
                if indexer is not None:
                    await indexer.close()
        finally:
            await backend.close()

    @classmethod
    def open_sync(
        cls, url: str | Hybrid, *, embedder: EmbedderChoice = "static", clock: Callable[[], datetime] | None = None
    ) -> SyncMemory:
        """The same without `await`: a context manager whose methods block."""
        from .sync import SyncMemory

        return SyncMemory(lambda: cls.open(url, embedder=embedder, clock=clock))

    @property
    def capabilities(self) -> Collection[Capability]:
        """What the backend can do; the rest is refused with `Unsupported`."""
        return self.backend.capabilities

    @property
    def problems(self) -> Sequence[Problem]:
        """What the backend found broken when it was opened, and left out."""
        return self.backend.problems

    async def put(self, records: Iterable[Record], *, scope: Scope) -> list[str]:
        """Remember records, all or none, and return their ids in order.

        A record that is there already, with every field the same, is not kept twice: its id is returned. What was
        retracted or superseded and is said again becomes a new record.
        """
        scope = as_scope(scope)
        given = await self._traced([self._placed(record, scope) for record in as_records(records)], scope)
        at = self._now()
        changes = [
            Change(op="put", id=id, scope=scope_of(record, scope), at=at, record=record)
            for id, record in zip(new_ids(len(given)), given, strict=True)
        ]
        ids = list(await self.backend.append(scope, changes)) if changes else []
        if self._indexer is not None:
            await self._indexer.take_in()
        return ids

    async def get(
        self, id: str, *, scope: Scope, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> Record | None:
        """The record with an id, retracted or not; with a time, only if it held then. None when there is none."""
        scope, moment = as_scope(scope), None
        if as_of is not None or known_at is not None:
            moment = self._moment(as_of, known_at)
        return (await self.backend.get(scope, [id], moment)).get(id) if is_text(id) else None

    async def query(
        self,
        where: Filter = ANY,
        *,
        scope: Scope,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        cursor: int | None = None,
        limit: int = 100,
    ) -> Page:
        """Records that pass a filter, in the order of recording; `Page.cursor` leads to the next page."""
        scope, limit = as_scope(scope), as_number("limit", limit, 1)
        cursor = None if cursor is None else as_number("cursor", cursor)
        page = await self.backend.query(scope, where, self._moment(as_of, known_at), cursor, limit)
        if self._was_behind(page.records):
            page = await self.backend.query(scope, where, self._moment(as_of, known_at), cursor, limit)
        return page

    async def search(
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
        """The `k` records that answer a question best, best first.

        Only records that are in the scope, pass the filter and hold at the moment are looked at. Expressions such as
        "last week" or "in May 2023" are understood from `now`.
        """
        scope = as_scope(scope)
        if k <= 0:
            return Hits()
        moment = self._moment(as_of, known_at, now)
        if not is_text(text):  # a question is answered as far as it can be read
            text = text.encode(errors="replace").decode()
        probe = Probe(
            text=text,
            k=k,
            moment=moment,
            where=where,
            embed=None if self._indexer is None else self._indexer.embed_query,
            period=period_in(text, moment.now),
            explain=explain,
        )
        found = await self.backend.search(scope, probe)
        if now is None and self._was_behind(hit.record for hit in found):
            moment = self._moment(as_of, known_at)
            found = await self.backend.search(scope, msgspec.structs.replace(probe, moment=moment))
        return found if isinstance(found, Hits) else Hits(found)

    async def assemble(
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
        """The context for a question within a budget of o200k tokens, with a receipt; see `lev_os.memory.assembly`."""
        from .assembly import Plan, assemble

        now = utc(now or self._now())
        plan = plan or Plan()
        return await assemble(
            self, text, scope=scope, budget=budget, plan=plan, now=now, where=where, as_of=as_of, known_at=known_at
        )

    async def supersede(self, id: str, new: Record, *, scope: Scope, reason: str | None = None) -> str:
        """Put a new record in the place of one that is no longer true from `new.valid_from` (or now) on; its id.

        The old one stays: it is found when the question is about the time before. Raises `NotRemembered`, and
        `Conflict` when it is no longer current.
        """
        old = await self._current(id, scope)
        at = self._now()
        (record,) = await self._traced([self._placed(new, scope)], scope)
        ends = max(record.valid_from or at, old.begins or at)
        (fresh,) = new_ids(1)
        put = Change(op="put", id=fresh, scope=scope_of(record, scope), at=at, record=record)
        change = msgspec.structs.replace(self._change("supersede", old, scope, at, reason), by=fresh, valid_to=ends)
        by, _ = await self.backend.append(scope, [put, change])
        if self._indexer is not None:
            await self._indexer.take_in()
        return by

    async def supersede_by(
        self, id: str, by: str, *, scope: Scope, at: datetime | None = None, reason: str | None = None
    ) -> None:
        """Let one record be superseded by another that is there already, from a time (or now) on.

        Raises `Conflict` as `supersede` does, and when the other one was superseded by this one itself.
        """
        old, new = await self._current(id, scope), await self._current(by, scope)
        now = self._now()
        change = self._change("supersede", old, scope, now, reason)
        ends = max(at or now, old.begins or now)
        await self.backend.append(scope, [msgspec.structs.replace(change, by=new.id, valid_to=ends)])

    async def consolidate(
        self,
        policy: Policy | None = None,
        *,
        scope: Scope,
        dry_run: bool = False,
        extract: Extract | None = None,
        now: datetime | None = None,
    ) -> Consolidation:
        """Tidy the scope, or show what would be done; see `lev_os.memory.consolidation`. `extract` is a model's."""
        from .consolidation import Policy, consolidate

        now = utc(now or self._now())
        return await consolidate(
            self, scope=scope, policy=policy or Policy(), extract=extract, dry_run=dry_run, now=now
        )

    async def retract(self, id: str, *, scope: Scope, reason: str | None = None) -> None:
        """Take back a record that should not be believed; `restore` undoes it. Raises `NotRemembered`."""
        old = await self._current(id, scope)
        await self.backend.append(scope, [self._change("retract", old, scope, self._now(), reason)])

    async def restore(self, id: str, *, scope: Scope, reason: str | None = None) -> None:
        """Undo that a record was retracted or superseded. Raises `NotRemembered`."""
        require(self.backend, "restore", "restore records")
        old = await self._current(id, scope)
        await self.backend.append(scope, [self._change("restore", old, scope, self._now(), reason)])

    async def erase(self, which: str | Sequence[str] | Filter, *, scope: Scope) -> Erased:
        """Destroy records for good, by id or by filter (everything it matches, retracted or not); the ids that went.

        No file of the backend holds a byte of them afterwards; the log keeps that there was something, and when it
        went. What was derived from them, naming one in its `sources`, goes too (`Erased.derived`), wherever in the
        tenant it lies and whatever else it comes from: `consolidate` makes anew what the other sources still say.
        """
        require(self.backend, "erase", "erase without a trace")
        if isinstance(which, Filter):
            everything = msgspec.structs.replace(which, retired=True)
            ids: list[str] = []
            cursor: int | None = None
            while True:
                page = await self.query(everything, scope=scope, cursor=cursor, limit=_PAGE)
                ids += [record.id for record in page.records]
                if (cursor := page.cursor) is None:
                    break
        else:
            ids = [id for id in ([which] if isinstance(which, str) else which) if is_text(id)]
        gone = await self.backend.erase(as_scope(scope), ids, self._now()) if ids else ()
        asked = set(ids)
        return Erased(gone, (id for id in gone if id not in asked))

    async def history(self, id: str, *, scope: Scope) -> list[Change]:
        """Everything that happened to a record, in order. Of an erased one only its erasure is left."""
        return list(await self.backend.changes(as_scope(scope), 0, 1 << 31, id)) if is_text(id) else []

    async def scopes(self, ids: Iterable[str], *, scope: Scope) -> dict[str, Scope]:
        """Whose records are: the scope that each was put into, for those that are in `scope`, retracted or not."""
        return dict(await scopes_of(self.backend, as_scope(scope), [id for id in dict.fromkeys(ids) if is_text(id)]))

    async def changes(self, cursor: int = 0, *, scope: Scope, limit: int = _PAGE) -> list[Change]:
        """The log after a cursor (that of the last change seen), oldest first."""
        cursor, limit = as_number("cursor", cursor), as_number("limit", limit, 1)
        return list(await self.backend.changes(as_scope(scope), cursor, limit))

    async def export(self, *, scope: Scope) -> AsyncIterator[str]:
        """Everything in the scope with its whole history, as lines of JSON; `import_` takes them anywhere."""
        yield header()
        async for page in export_pages(self.backend, scope):
            for change in page:
                yield to_line(change)

    async def import_(self, lines: Iterable[str], *, scope: Scope, path: str | None = None) -> int:
        """Take in the lines of an `export`, ids, times and history included; how many changes were new.

        Taking the same lines in again does nothing. Records get the scope's tenant, and its other fields where they are
        set. `path` is named in errors: `InvalidInput` with the line that is wrong, `Conflict` when an id is taken.
        """
        pages = pages_of(from_lines(lines, path=path))
        return sum([await self.take_in(page, scope=scope) for page in pages])

    async def export_markdown(self, folder: str | Path, *, scope: Scope) -> int:
        """Write everything in the scope with its whole history into an empty folder, a file a record; how many."""
        from .markdown import write_folder

        return await write_folder(export_pages(self.backend, scope), Path(folder))

    async def import_markdown(self, folder: str | Path, *, scope: Scope) -> int:
        """Take in the files of an `export_markdown`, as `import_` does lines; how many changes were new."""
        from .markdown import read_folder

        return sum([await self.take_in(page, scope=scope) for page in pages_of(read_folder(Path(folder)))])

    async def take_in(self, changes: Sequence[Change], *, scope: Scope) -> int:
        """Take in changes of another memory, as `import_` does."""
        taken = await self.backend.load(as_scope(scope), placed(changes, scope))
        if self._indexer is not None:
            await self._indexer.take_in()
        return taken

    async def migrate(self, target: MemoryManager, *, scope: Scope) -> Migrated:
        """Copy everything in the scope to another memory, and compare counts and hashes of the two.

        It can be stopped at any time: what is there already is skipped the next time. Raises `StoreProblem` when the
        two differ afterwards.
        """
        taken = 0
        async for page in export_pages(self.backend, scope):
            taken += await target.take_in(page, scope=scope)
        return await compare(self, target, scope, taken)

    async def stats(self, *, scope: Scope) -> Stats:
        """What the scope holds."""
        return await self.backend.stats(as_scope(scope), self._moment(None, None))

    async def reindex(self) -> None:
        """Make the index of all scopes again from the records, vectors included."""
        await self.backend.reindex()
        await self.settle()

    async def settle(self) -> None:
        """Wait until every record has its vector."""
        if self._indexer is not None:
            await self._indexer.settle()

    def _moment(self, as_of: datetime | None, known_at: datetime | None, now: datetime | None = None) -> Moment:
        if as_of is not None:
            require(self.backend, "as_of", "tell what was true at a time")
        if known_at is not None:
            require(self.backend, "known_at", "tell what was known at a time")
        return Moment(now=now or self._now(), as_of=as_of, known_at=known_at)

    def _now(self) -> datetime:
        """What the clock says, but never less than before: a clock may be set back."""
        self._latest = max(self._latest, utc(self._clock()))
        return self._latest

    def _was_behind(self, records: Iterable[Record]) -> bool:
        """Whether something was recorded later than now: then it is at least as late as that."""
        latest = max((record.recorded_at for record in records if record.recorded_at is not None), default=self._latest)
        behind, self._latest = latest > self._latest, max(latest, self._latest)
        return behind

    def _change(self, op: Operation, old: Record, scope: Scope, at: datetime, reason: str | None) -> Change:
        if reason is not None and not is_text(reason):
            raise bad_reason(reason)
        return Change(op=op, id=old.id, scope=scope, at=at, reason=reason, expects=old.version)

    async def _current(self, id: str, scope: Scope) -> Record:
        found = (await self.backend.get(as_scope(scope), [id], None)).get(id) if is_text(id) else None
        if found is None:
            raise NotRemembered(id)
        self._was_behind([found])
        return found

    @staticmethod
    def _placed(record: Record, scope: Scope) -> Record:
        """The record with the scope's session; one of another session cannot be put here."""
        if scope.session is None or record.session == scope.session:
            return record
        if record.session is not None:
            raise bad_record(f"its session {record.session!r} is not the scope's, {scope.session!r}")
        return msgspec.structs.replace(record, session=scope.session)

    async def _traced(self, records: list[Record], scope: Scope) -> list[Record]:
        """Records trusted no more than the records they come from."""
        named = {source for record in records for source in record.sources}
        if not named:
            return records
        known = await self.backend.get(scope, list(named), None)
        return [
            _at_most(record, min((known[source].trust for source in record.sources if source in known), default=1.0))
            for record in records
        ]


def scope_of(record: Record, scope: Scope) -> Scope:
    """The scope that a record put into `scope` belongs to: its own session counts."""
    return scope if record.session == scope.session else msgspec.structs.replace(scope, session=record.session)


def new_ids(count: int) -> list[str]:
    """Ids that nobody can guess, in the order in which they are made."""
    prefix = f"{time.time_ns() // 1_000_000:012x}"
    noise = os.urandom(10 * count).hex()
    return sorted([prefix + noise[20 * i : 20 * i + 20] for i in range(count)])


def _at_most(record: Record, trust: float) -> Record:
    return record if record.trust <= trust else msgspec.structs.replace(record, trust=trust)
