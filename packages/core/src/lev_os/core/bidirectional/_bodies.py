"""What a record of each type holds. Other fields are left alone: a later version may have written them."""

from __future__ import annotations

from typing import Any

import msgspec

from ..constitutional.data import PinnedConstitution
from ..constitutional.model import Finding, Mode, Phase, Ruling
from .effects import Decision, EffectKind, Failure, Status, Usage


class _PinnedGate(msgspec.Struct):
    mode: Mode | None
    constitutions: list[PinnedConstitution]


class _RunStarted(msgspec.Struct):
    run: str
    flow: str
    input: dict[str, Any]
    gate: _PinnedGate | None
    pinned: dict[str, Any]
    taint: list[str] = []


class _Cited(msgspec.Struct):
    specifier: str
    digest: str


class _Offered(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    """What requests of any kind hold, and their readers count on."""

    purpose: str | None = None
    step: str | None = None
    name: str | None = None
    tool: str | None = None
    context: list[_Cited] = []
    tools: list[_Offered] = []
    problems: list[str] = []
    seconds: float | None = None


class _Effect(msgspec.Struct):
    kind: EffectKind
    path: str
    digest: str
    request: _Request
    deadline: float | None = None


class _Verdict(msgspec.Struct):
    phase: Phase
    digest: str
    ruling: Ruling
    findings: list[Finding] = []
    shadow: Ruling | None = None


class _Approval(msgspec.Struct):
    digest: str
    approved: bool
    note: str | None = None


class _Result(msgspec.Struct):
    value: Any


class _Failed(msgspec.Struct):
    failure: Failure


class _Invalid(msgspec.Struct):
    problems: list[str]


class _Cancel(msgspec.Struct):
    reason: str


class _Outcome(msgspec.Struct):
    status: Status
    output: Any
    error: Failure | None
    usage: Usage
    decisions: list[Decision]


class _Added(msgspec.Struct):
    added: list[PinnedConstitution]


_OF_RUNS: dict[str, type[msgspec.Struct]] = {
    "run_started": _RunStarted,
    "cancel": _Cancel,
    "outcome": _Outcome,
    "constitution": _Added,
}
_OF_EFFECTS: dict[str, type[msgspec.Struct] | None] = {
    "effect": _Effect,
    "verdict": _Verdict,
    "approval": _Approval,
    "result": _Result,
    "failure": _Failed,
    "invalid": _Invalid,
    "cancelled": None,
    "late": None,
}


def refused(type: str, key: str | None, attempt: int | None, body: Any) -> str | None:
    """Why a record of this type cannot say this; None when it can, or when the type is not known."""
    shape = _OF_RUNS.get(type)
    if type in _OF_EFFECTS:
        if key is None or attempt is None:
            return f"a `{type}` without its key and attempt"
        shape = _OF_EFFECTS[type]
        if type == "late":
            shape = _Failed if isinstance(body, dict) and "failure" in body else _Result
    if shape is None:
        return None
    try:
        msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        return f"the body of a `{type}`: {error}"
    return None
