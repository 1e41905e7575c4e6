"""Effects in flight: one task each, with its deadline. Nothing stays behind when they are stopped."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from .effects import Effect, Failure

_GRACE = 1.0
"""Seconds that a cancelled tool gets to clean up before it is left behind."""
_ORIGIN = time.time() - time.monotonic()


def now() -> float:
    """Seconds since the epoch by a clock that never runs backwards within a process."""
    return _ORIGIN + time.monotonic()


class Flights:
    """What is being carried out by the running loop. `arrived` holds what came back, in order: values and failures."""

    def __init__(self) -> None:
        self.arrived: deque[tuple[Effect, Any]] = deque()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._leaving: set[asyncio.Task[Any]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def watch(self, effect: Effect) -> bool:
        """Hold an effect to its deadline, whoever carries it out; False when it has passed already."""
        if effect.deadline is None:
            return True
        left = effect.deadline - now()
        if left <= 0:
            self.arrived.append((effect, _timed_out(effect)))
            return False
        self._timers[effect.token] = self._loop.call_later(left, self._time_out, effect)
        return True

    def launch(self, effect: Effect, work: Callable[[], Awaitable[Any]]) -> None:
        """Carry out an effect."""
        self._tasks[effect.token] = self._loop.create_task(self._fly(effect, work))

    def drop(self, token: str) -> None:
        """Stop an effect that is not wanted any more, if it is in flight."""
        self._end_timer(token)
        task = self._tasks.pop(token, None)
        if task is not None:
            task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._left)

    def wake(self) -> None:
        """Let `change` return: something happened elsewhere."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def change(self) -> None:
        """Wait until something arrives, or `wake` is called; what came before does not count."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def halt(self) -> None:
        """Stop everything."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for token in list(self._tasks):
            self.drop(token)

    async def gone(self) -> None:
        """Wait until what was dropped has ended; what refuses to is left behind after a moment."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_GRACE)

    async def _fly(self, effect: Effect, work: Callable[[], Awaitable[Any]]) -> None:
        # The task itself hands over what it has: a callback when it is done would take another turn of the loop.
        try:
            value = await work()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            value = _internal(error)
        if self._tasks.get(effect.token) is asyncio.current_task():
            del self._tasks[effect.token]
            self._end_timer(effect.token)
            self.arrived.append((effect, value))
            self.wake()

    def _end_timer(self, token: str) -> None:
        timer = self._timers.pop(token, None)
        if timer is not None:
            timer.cancel()

    def _left(self, task: asyncio.Task[Any]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # nobody wants to know what it came to

    def _time_out(self, effect: Effect) -> None:
        self.drop(effect.token)
        self.arrived.append((effect, _timed_out(effect)))
        self.wake()


def _timed_out(effect: Effect) -> Failure:
    return Failure(kind="timeout", message=f"no result in time from {effect.request.get('name') or effect.kind}")


def _internal(error: BaseException) -> Failure:
    return Failure(kind="tool", message=f"{type(error).__name__}: {error}", retryable=False)
