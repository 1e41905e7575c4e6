"""Strands of control: a flow's steps are generators, and this is what runs them side by side.

A strand yields an `Effect` (to be let out; the strand is resumed with an `Answer`) or a `Fork` (it wants other
strands to run and waits for them).
Strands are resumed in the order in which they became ready, so the same inputs always lead to the same effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .effects import Effect, Failure


class Answer(msgspec.Struct, frozen=True):
    """What came back for an effect: a value with its canonical size, or a failure."""

    value: Any = None
    size: int = 0
    failure: Failure | None = None


Strand = Generator["Effect | Fork", Any, Any]


@dataclass(frozen=True, slots=True)
class Fork:
    """Run these strands, `width` at a time; the forking strand gets a list with None for those that did not end.

    It is resumed when `need` of them have ended; the others are then cancelled. When so many have failed that
    `need` is out of reach, the first failure is raised in it.
    """

    strands: Sequence[Callable[[], Strand]]
    need: int
    width: int


class StepFailed(Exception):
    """A step failed in a way that `catch` may see; `labels` is the taint of what its message may quote."""

    def __init__(self, failure: Failure, labels: frozenset[str] = frozenset()) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.labels = labels


class RunEnded(Exception):
    """The whole run ends here: a denial, a limit, a cancellation. No `catch` sees it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Task:
    """One strand and its place: the join that waits for it, and the join it waits for."""

    __slots__ = ("index", "join", "strand", "token", "waits_for")

    def __init__(self, strand: Strand, join: Join | None = None, index: int = 0) -> None:
        self.strand = strand
        self.join = join
        self.index = index
        self.token: str | None = None
        self.waits_for: Join | None = None


@dataclass(slots=True)
class Join:
    """A fork in progress."""

    parent: Task
    fork: Fork
    results: list[Any]
    live: dict[int, Task] = field(default_factory=dict)
    started: int = 0
    ended: int = 0
    failures: list[StepFailed] = field(default_factory=list)


class Scheduler:
    """Runs strands until each waits for an effect. `emit` lets an effect out."""

    def __init__(self, emit: Callable[[Effect], None], dropped: Callable[[str], None]) -> None:
        self._emit = emit
        self._dropped = dropped
        self._ready: deque[tuple[Task, Any, BaseException | None]] = deque()
        self._waiting: dict[str, Task] = {}

    def start(self, strand: Strand) -> Task:
        """Run a first strand; raises what it raises. `result` of the finished task comes from `run`."""
        task = Task(strand)
        self._ready.append((task, None, None))
        return task

    def answer(self, token: str, answer: Answer) -> None:
        """Wake the strand that waits for this token."""
        task = self._waiting.pop(token)
        task.token = None
        self._ready.append((task, answer, None))

    def run(self) -> tuple[bool, Any]:
        """Go on until every strand waits. Returns (True, value) when the first strand has ended."""
        while self._ready:
            task, value, error = self._ready.popleft()
            try:
                request = task.strand.throw(error) if error is not None else task.strand.send(value)
            except StopIteration as end:
                if task.join is None:
                    return True, end.value
                self._ended(task, task.join, end.value)
            except StepFailed as failed:
                if task.join is None:
                    raise
                self._failed(task, task.join, failed)
            else:
                if isinstance(request, Effect):
                    self._emit(request)
                    task.token = request.token
                    self._waiting[request.token] = task
                else:
                    self._fork(task, request)
        return False, None

    def drop_all(self) -> None:
        """Cancel everything that waits."""
        for token in list(self._waiting):
            self._dropped(token)
        self._waiting.clear()
        self._ready.clear()

    def _fork(self, task: Task, fork: Fork) -> None:
        join = Join(task, fork, [None] * len(fork.strands))
        task.waits_for = join
        if fork.need == 0:
            self._finish(join, None)
        else:
            self._fill(join)

    def _fill(self, join: Join) -> None:
        while len(join.live) < join.fork.width and join.started < len(join.fork.strands):
            index = join.started
            join.started += 1
            child = Task(join.fork.strands[index](), join, index)
            join.live[index] = child
            self._ready.append((child, None, None))

    def _ended(self, task: Task, join: Join, value: Any) -> None:
        del join.live[task.index]
        join.results[task.index] = value
        join.ended += 1
        if join.ended == join.fork.need:
            self._finish(join, None)
        else:
            self._fill(join)

    def _failed(self, task: Task, join: Join, failed: StepFailed) -> None:
        del join.live[task.index]
        join.failures.append(failed)
        if len(join.fork.strands) - len(join.failures) < join.fork.need:
            self._finish(join, join.failures[0])
        else:
            self._fill(join)

    def _finish(self, join: Join, error: StepFailed | None) -> None:
        for child in list(join.live.values()):
            self._cancel(child)
        join.parent.waits_for = None
        self._ready.append((join.parent, join.results if error is None else None, error))

    def _cancel(self, task: Task) -> None:
        if task.waits_for is not None:
            for child in task.waits_for.live.values():
                self._cancel(child)
        if task.token is not None:
            del self._waiting[task.token]
            self._dropped(task.token)
        if any(entry[0] is task for entry in self._ready):
            self._ready = deque(entry for entry in self._ready if entry[0] is not task)
        task.strand.close()
