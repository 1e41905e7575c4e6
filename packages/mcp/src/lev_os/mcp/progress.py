"""Progress of a call, for hosts that ask for it: one notification for each effect that leaves or comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from lev_os.core.bidirectional.events import EffectFinished, EffectStarted, Event

from .driving import WATCHER

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext


@asynccontextmanager
async def watched(context: ServerRequestContext[Any, Any]) -> AsyncIterator[None]:
    """Report what happens in runs inside the block. What is told is the step's place, never what it works on."""
    said: asyncio.Queue[str | None] = asyncio.Queue()

    def watcher(event: Event) -> None:
        if isinstance(event, EffectStarted):
            said.put_nowait(f"{event.effect.kind} {event.effect.path}")
        elif isinstance(event, EffectFinished):
            said.put_nowait(f"{event.kind} {event.path}: {event.reply}")

    async def report() -> None:
        done = 0
        while (message := await said.get()) is not None:
            done += 1
            with contextlib.suppress(Exception):  # a host that has gone hears nothing, and the run goes on
                await context.session.report_progress(done, message=message)

    token = WATCHER.set(watcher)
    task = asyncio.create_task(report())
    try:
        yield
        said.put_nowait(None)
        await task  # all of it goes before the reply does
    finally:
        WATCHER.reset(token)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
