"""Blocking functions on daemon threads, counted: a hanging one can be left behind, but not without end.

The standard pool cannot be used: it waits for its threads when the interpreter ends, so one hanging tool
would keep the process alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

MAX_ABANDONED = 32
"""Threads of this process that hang; beyond it, no more blocking tools are started."""

_lock = threading.Lock()
_abandoned = 0

_Job = tuple[Callable[[], Any], contextvars.Context, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


def abandoned() -> int:
    """How many threads of this process were left behind and still run."""
    return _abandoned


class _Worker:
    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._left = False
        threading.Thread(target=self._work, daemon=True, name="lev-tool").start()

    def leave(self) -> None:
        """The job hangs: end when it is over."""
        global _abandoned
        with _lock:
            self._left = True
            _abandoned += 1
        self.jobs.put(None)

    def _work(self) -> None:
        global _abandoned
        while (job := self.jobs.get()) is not None:
            function, context, loop, future = job
            result: Any = None
            raised: BaseException | None = None
            try:
                result = context.run(function)
            except BaseException as error:  # `sys.exit` in a tool must not end anything but the tool
                raised = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_deliver, future, result, raised)
            del function, context, loop, future, result, raised, job
        with _lock:
            if self._left:
                _abandoned -= 1


class Threads:
    """Threads that one run reuses; `close` lets them end."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._closed = False

    async def call(self, function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """What `function` returns or raises. Cancelling leaves its thread behind."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        worker = self._idle.pop() if self._idle else _Worker()
        worker.jobs.put((function, contextvars.copy_context(), loop, future))
        try:
            outcome: tuple[Any, BaseException | None] = await future
        except asyncio.CancelledError:
            worker.leave()
            raise
        if self._closed:
            worker.jobs.put(None)
        else:
            self._idle.append(worker)
        return outcome

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().jobs.put(None)


def _deliver(future: asyncio.Future[Any], result: Any, raised: BaseException | None) -> None:
    if not future.done():
        # As a value: a future refuses StopIteration, and treats CancelledError as its own.
        future.set_result((result, raised))
