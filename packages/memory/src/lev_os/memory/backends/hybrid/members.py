"""A memory beside the primary one: whether it is up, what it is asked, and bringing it up to date."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from lev_os.core.errors import LevError, Problem

from ...errors import StoreProblem
from ...types import Change, Contribution, Hit, Probe, Scope
from .. import MemoryBackend, open_backend
from .model import Member
from .outbox import Outbox

T = TypeVar("T")
_PATIENCE = 60.0
"""Seconds that one page of changes may take in the background."""


class Beside:
    """A member at work. It is opened when it is first needed, and again after it was down."""

    def __init__(self, member: Member, embedder: str | None, outbox: Outbox) -> None:
        self.member = member
        self.backend: MemoryBackend | None = None
        self.why: str | None = None
        """Why it is down, None while it is not."""
        self.refused = 0
        """Changes that it would not take."""
        self._embedder = embedder
        self._outbox = outbox
        self._again = 0.0
        self._opening: asyncio.Task[MemoryBackend] | None = None
        self._waiting: dict[str, None] = dict.fromkeys(outbox.tenants(member.name))
        self._delivery: asyncio.Task[None] | None = None
        self._late = False

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def resting(self) -> bool:
        """Whether it is left alone, since it was down a moment ago."""
        return self.why is not None and time.monotonic() < self._again

    @property
    def behind(self) -> bool:
        """Whether something has still to be delivered."""
        return bool(self._waiting)

    def problem(self) -> Problem | None:
        """What is wrong with it."""
        if self.why is not None:
            help = f"it is tried again every {self.member.retry:g} s, and gets what it missed"
            return Problem("MEM401", f"{self.name} is down: {self.why}", help=help)
        if self.refused:
            help = "the primary memory has them; `lev memory migrate` says what the other cannot hold"
            return Problem("MEM402", f"{self.name} would not take {self.refused} changes", help=help)
        return None

    def takes(self, kinds: Sequence[str]) -> bool:
        """Whether it holds records of some of these types; none stand for all."""
        return not self.member.types or not kinds or bool(set(kinds) & set(self.member.types))

    async def ask(self, scope: Scope, probe: Probe) -> tuple[Contribution, Sequence[Hit]]:
        """Search it, as long as its deadline lets us."""
        if self.resting:
            return Contribution(backend=self.name, missed=f"down: {self.why}"), ()
        missing = [name for name in ("as_of", "known_at") if getattr(probe.moment, name) is not None]
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self.member.deadline):
                backend = await self._opened()
                missing = [name for name in missing if name not in backend.capabilities]
                if missing:
                    return Contribution(backend=self.name, missed=f"it lacks the capability `{missing[0]}`"), ()
                hits = await backend.search(scope, probe)
        except TimeoutError:
            self._down(f"no answer within {self.member.deadline:g} s")
        except LevError as error:
            self._down(_said(error))
        else:
            return Contribution(backend=self.name, found=len(hits), seconds=time.monotonic() - begun), hits
        return Contribution(backend=self.name, seconds=time.monotonic() - begun, missed=self.why), ()

    async def open(self) -> None:
        """Open it within its deadline; what takes longer goes on, and it counts as down until it is there."""
        await self.attempt(_nothing, None, self.member.deadline)
        self.deliver(())

    async def attempt(
        self, work: Callable[[MemoryBackend], Awaitable[T]], otherwise: T, seconds: float = _PATIENCE
    ) -> T:
        """Something that it should do if it is up; when it cannot, it is down."""
        if self.resting:
            return otherwise
        try:
            async with asyncio.timeout(seconds):
                return await work(await self._opened())
        except TimeoutError:
            self._down(f"no answer within {seconds:g} s")
        except StoreProblem as error:
            self._down(_said(error))
        return otherwise

    def deliver(self, tenants: Sequence[str]) -> None:
        """Begin to bring it up to date, unless that is under way or it is down; both go on with these tenants later."""
        self._waiting |= dict.fromkeys(tenants)
        if self._waiting and not self.resting and (self._delivery is None or self._delivery.done()):
            self._delivery = asyncio.create_task(self._deliver())

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for what is under way, for its deadline at most; not at all while it is late."""
        if self._delivery is None or self._delivery.done() or (self._late and seconds is None):
            return
        done, _ = await asyncio.wait({self._delivery}, timeout=seconds or self.member.deadline)
        self._late = not done

    async def close(self) -> None:
        """Let what is under way end within the deadline."""
        await self.wait(self.member.deadline)
        if self._delivery is not None:
            self._delivery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._delivery
        if self._opening is not None:
            self._opening.cancel()
        if self.backend is not None:
            await self.backend.close()

    async def _opened(self) -> MemoryBackend:
        """The backend; opening it goes on when a deadline ends the waiting."""
        if self.backend is None:
            if self._opening is None or self._opening.done():
                self._opening = asyncio.create_task(open_backend(self.member.url, self._embedder))
                self._opening.add_done_callback(self._up)
            return await asyncio.shield(self._opening)
        self.why = None
        return self.backend

    def _up(self, opening: asyncio.Task[MemoryBackend]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self.backend, self.why = opening.result(), None
            self.deliver(())

    def _down(self, why: str) -> None:
        self.why = why
        self._again = time.monotonic() + self.member.retry

    async def _deliver(self) -> None:
        with contextlib.suppress(LevError):  # of the primary memory, whose users are told; this goes on later
            await self._deliver_all()

    async def _deliver_all(self) -> None:
        while self._waiting:
            tenant = next(iter(self._waiting))
            while changes := await self._outbox.page(self.name, tenant):
                wanted = [change for change in changes if await self._takes(tenant, change)]
                taken = await self.attempt(lambda backend: self._load(backend, tenant, wanted), False)  # noqa: B023  # awaited here
                if not taken:
                    return
                if self._outbox.delivered(self.name, tenant, changes[-1].cursor):
                    await self._outbox.note(self.name, tenant)
            self._waiting.pop(tenant, None)
        self._late = False

    async def _load(self, backend: MemoryBackend, tenant: str, changes: Sequence[Change]) -> bool:
        scope = Scope(tenant=tenant)
        try:
            await backend.load(scope, changes)
        except StoreProblem:
            raise
        except LevError:
            # Something in it does not fit. The others must not wait for that, so each is tried alone.
            for change in changes:
                try:
                    await backend.load(scope, [change])
                except StoreProblem:
                    raise
                except LevError:
                    self.refused += 1
        return True

    async def _takes(self, tenant: str, change: Change) -> bool:
        if not self.member.types:
            return True
        kind = change.record.type if change.record is not None else await self._outbox.types(tenant, change.id)
        return kind is None or kind in self.member.types


async def _nothing(_: MemoryBackend) -> None:
    """Opening is all there is to do."""


def _said(error: LevError) -> str:
    return str(error).partition("\n")[0]
