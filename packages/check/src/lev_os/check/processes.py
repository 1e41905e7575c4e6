"""Work in processes beside this one: forked, so that they know all that it knows. What they find comes as msgpack.

A forked process has one thread. What other threads of ours hold at that moment, it holds for ever: so only the command
forks, which has none that takes locks, and `check` as a function does not.
"""

from __future__ import annotations

import os
import sys
import warnings
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
MOST_TURNS = 1_000
"""How many numbers a pipe holds everywhere without a reader."""


def can_fork() -> bool:
    """Whether there can be processes beside this one."""
    return hasattr(os, "fork")


class Beside(Generic[T]):
    """What `work` finds, in a process that begins at once. `type` is what it finds, as msgspec reads it back.

    Where no more processes may begin, it comes to nothing.
    """

    def __init__(self, work: Callable[[], T], type: Any) -> None:
        self._type = type
        self._reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a thread that only tells of progress
            try:
                self._child = os.fork()
            except OSError:  # a container's or a user's limit; the pipe says nothing, and so does `result`
                self._child = -1
        if self._child:
            os.close(writing)
            return
        try:
            os.close(self._reading)
            data = msgspec.msgpack.encode(work())
            with open(writing, "wb") as stream:
                stream.write(data)
            os._exit(0)
        finally:
            os._exit(1)

    def result(self) -> T | None:
        """Wait for it; None when it came to nothing. To be asked once."""
        with open(self._reading, "rb") as stream:
            data = stream.read()
        if self._child > 0 and not _ended_well(self._child):
            return None
        try:
            found: T = msgspec.msgpack.decode(data, type=self._type)
        except msgspec.MsgspecError:
            return None
        return found


def _ended_well(child: int) -> bool:
    """Wait for a process. One that nobody can wait for, where SIGCHLD is ignored, is judged by what it has written."""
    try:
        return os.waitpid(child, 0)[1] == 0
    except ChildProcessError:
        return True


class Turns:
    """The numbers below `count`, at most `MOST_TURNS`, each for the first of several processes that asks for one.

    Processes differ in speed, and so do their parts of the work; so none is given its part beforehand. When the
    process that made it has been killed, there are none left for the others.
    """

    def __init__(self, count: int) -> None:
        self._maker = os.getpid()
        self._reading, writing = os.pipe()
        with open(writing, "wb") as stream:
            stream.write(array("I", range(count)).tobytes())

    def __iter__(self) -> Iterator[int]:
        while self._maker in (os.getpid(), os.getppid()) and (number := os.read(self._reading, array("I").itemsize)):
            yield int.from_bytes(number, sys.byteorder)

    def close(self) -> None:
        """To be called by the process that made it, when all have ended."""
        os.close(self._reading)
