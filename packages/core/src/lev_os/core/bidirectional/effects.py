"""The words that machine and drivers exchange: effects, steps, outcomes and the records of a journal.

Values only; nothing here acts. All are JSON-able by `msgspec.to_builtins`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

EffectKind = Literal["model", "judge", "tool", "wait", "sleep"]
Status = Literal["done", "failed", "denied", "cancelled"]
Reply = Literal["accepted", "duplicate", "invalid", "conflict", "late"]
FailureKind = Literal["tool", "model", "timeout", "invalid", "flow", "denied", "limit", "cancelled", "expression"]


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an effect, a step or a run did not succeed. `retryable` is the driver's opinion."""

    kind: FailureKind
    message: str
    step: str | None = None
    retryable: bool = True
    details: Any = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the machine asks of the outside.

    `key` names it over all attempts and is the idempotency key that tools receive; `token` answers this
    attempt. `deadline` is in the driver's clock (the same unit and origin as `at`, seconds), or None.
    """

    token: str
    kind: EffectKind
    key: str
    attempt: int
    path: str
    request: Mapping[str, Any]
    digest: str
    deadline: float | None = None
    problems: tuple[str, ...] = ()
    """Why the previous attempt's result was refused, for the model to mend."""


class Usage(msgspec.Struct, kw_only=True):
    """What a run has used. `cost` is in US dollars, None when a price is unknown."""

    asks: int = 0
    judgements: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded judgement: which step, what was decided, by whom, how sure (None: uncalibrated).

    `self_reported` is the number that a model or an uncalibrated judge gave of itself: no threshold is put to it.
    """

    step: str
    label: str
    decided_by: str
    confidence: float | None = None
    calibrated: bool = False
    evidence: str | None = None
    self_reported: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    status: Status
    output: Any = None
    error: Failure | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal before it is chained: see docs/journal.md for the types and bodies."""

    type: str
    at: float
    key: str | None = None
    attempt: int | None = None
    body: Any = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one call of the machine leads to.

    A driver first writes `records`, then carries out `effects` and drops the effects of `cancelled` tokens.
    `reply` says what became of the submitted result; `pending` counts the effects still open.
    """

    effects: tuple[Effect, ...] = ()
    cancelled: tuple[str, ...] = ()
    outcome: Outcome | None = None
    records: tuple[Record, ...] = ()
    reply: Reply = "accepted"
    problems: tuple[str, ...] = ()
    pending: int = 0
