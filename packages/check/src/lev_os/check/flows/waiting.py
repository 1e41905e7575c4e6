"""Before which steps a person has surely been asked: those that a `wait` dominates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lev_os.core.flowmind.model import (
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Step,
    Switch,
    SwitchSemantic,
    Try,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import bodies


def without_wait(steps: Sequence[Step]) -> Iterator[tuple[Step, Step | None]]:
    """Every step that can run without an answered `wait` before it, and the innermost loop that it is in."""
    yield from _Waits().block(steps, waited=False, loop=None)[1]


Found = list[tuple[Step, Step | None]]
ENDED = None
"""In place of whether something was waited for: no way goes on."""


class _Waits:
    """`waited` is whether every way to here has an answer; a list that always returns gives `ENDED`."""

    def block(self, steps: Sequence[Step], *, waited: bool, loop: Step | None) -> tuple[bool | None, Found]:
        found: Found = []
        now: bool | None = waited
        for step in steps:
            if now is ENDED:
                break
            if not now:
                found.append((step, loop))
            now, inner = self._step(step, bool(now), loop)
            found += inner
        return now, found

    def _step(self, step: Step, waited: bool, loop: Step | None) -> tuple[bool | None, Found]:
        if isinstance(step, Return):
            return ENDED, []
        if isinstance(step, Wait):
            after, found = self.block(step.on_timeout, waited=waited, loop=loop)
            late = step.timeout is not None and bool(step.on_timeout) and after is False
            return not late, found
        if isinstance(step, While | ForEach):
            return waited, self.block(step.do, waited=waited, loop=step)[1]
        each = [self.block(body, waited=waited, loop=loop) for body in bodies(step)]
        found = [item for _, inner in each for item in inner]
        if isinstance(step, Parallel):
            joined = step.wait_for == "all" and any(after for after, _ in each)
            return waited or joined, found
        if isinstance(step, If | IfSemantic | Switch | SwitchSemantic | Try):
            if isinstance(step, Try):
                # The body may fail before it has waited; a catch that goes on is a way of its own.
                each = [each[0], self.block(step.catch, waited=waited, loop=loop)]
            going_on = [after for after, _ in each if after is not ENDED]
            return (all(going_on) if going_on else ENDED), found
        return waited, found
