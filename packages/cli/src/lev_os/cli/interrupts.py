"""Ctrl-C is never lost. Libraries that run callbacks from native code can swallow it while they are loaded."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_came = threading.Event()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _came.set()
    raise KeyboardInterrupt


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Remember a Ctrl-C that comes in this block, besides raising it."""
    _came.clear()
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def runner() -> Iterator[asyncio.Runner]:
    """`asyncio.Runner`, unless Ctrl-C came before; it cancels the work only where it finds Python's own handler."""
    import asyncio

    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _came.is_set():
        raise KeyboardInterrupt
    with asyncio.Runner() as made:
        yield made


def run(work: Coroutine[Any, Any, T]) -> T:
    """One piece of work in a `runner` of its own."""
    try:
        with runner() as made:
            return made.run(work)
    finally:
        work.close()  # what was not begun
