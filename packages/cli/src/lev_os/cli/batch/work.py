"""The workers of a batch: so many inputs at a time, each answered by a coroutine, rows in the order they finish."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

Answer = Callable[[int, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


async def work(
    todo: Iterable[tuple[int, Mapping[str, Any]]],
    answer: Answer,
    done: Callable[[Mapping[str, Any]], None],
    *,
    concurrency: int,
) -> None:
    """Answer every input of `todo` with at most `concurrency` at a time; the first exception ends all of it."""
    queue = iter(todo)

    async def worker() -> None:
        # One iterator for all workers: asyncio runs one at a time, so each takes the next input.
        for index, value in queue:
            done(await answer(index, value))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as several:  # not `except*`: until Python 3.11.4 what that raises comes out in a group again
        raise _first(several) from None


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
