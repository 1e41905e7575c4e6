"""What `stream` yields while a flow runs. Nothing here shows output before its verdict."""

from __future__ import annotations

from typing import Any

import msgspec

from ..constitutional.model import Ruling
from .effects import Decision, Effect, EffectKind, Failure, Status, Usage


class EffectStarted(msgspec.Struct, frozen=True, kw_only=True):
    """An effect has left: it is being carried out, or waits for somebody (`wait`)."""

    effect: Effect


class EffectFinished(msgspec.Struct, frozen=True, kw_only=True):
    """Something came back. The value itself is held back: it may have checks after it."""

    key: str
    attempt: int
    kind: EffectKind
    path: str
    seconds: float
    reply: str
    """What the machine said of it: `accepted`, `invalid`, `late`, or `failed`."""
    problems: tuple[str, ...] = ()


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True):
    """The gate has decided; `body` is as in the journal: phase, digest, ruling, findings."""

    key: str | None
    attempt: int | None
    ruling: Ruling
    body: dict[str, Any]


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More of a model's text answer to the step at `path`; a new `attempt` begins the text anew."""

    key: str
    attempt: int
    path: str
    text: str


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands. `status` is `waiting` when it needs somebody: `waits` are the open effects of others."""

    run: str
    status: Status | str
    output: Any
    error: Failure | None
    usage: Usage
    decisions: tuple[Decision, ...]
    waits: tuple[Effect, ...]
    journal: str | None
    abandoned_threads: int = 0
    """Hanging tools of this process that a timeout has left behind."""


class RunFinished(msgspec.Struct, frozen=True, kw_only=True):
    """The last event."""

    result: RunResult


Event = EffectStarted | EffectFinished | VerdictGiven | TextDelta | RunFinished
