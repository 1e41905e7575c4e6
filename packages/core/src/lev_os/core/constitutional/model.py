"""The values of a constitution: principles, what the gate is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ..bidirectional.effects import EffectKind
from ..errors import Location
from ..tools import ToolCard

Ruling = Literal["allow", "warn", "ask", "deny"]
Authority = Literal["hard", "default", "guideline"]
Phase = Literal["pre", "post", "tool"]
Artifact = Literal["context", "flow", "tool", "run"]
OnViolation = Literal["block", "revise", "warn", "escalate"]
Mode = Literal["enforce", "shadow"]
RULINGS: tuple[Ruling, ...] = ("allow", "warn", "ask", "deny")
"""In order of strictness: the strictest wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One deterministic check: its kind and its arguments as written."""

    kind: str
    argument: Any
    fail_open: bool = False
    at: Location = field(default=Location(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSpec:
    rubric: str
    min_tpr: float | None = None
    min_tnr: float | None = None
    fail_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Principle:
    id: str
    statement: str
    rationale: str = ""
    authority: Authority = "default"
    severity: Literal["error", "warning", "info"] = "error"
    artifacts: frozenset[str] = frozenset({"run"})
    phases: frozenset[str] = frozenset({"pre", "post", "tool"})
    checks: tuple[Check, ...] = ()
    judge: JudgeSpec | None = None
    on_violation: OnViolation = "block"
    violates: tuple[Any, ...] = ()
    complies: tuple[Any, ...] = ()
    maps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = ""
    """The specifier of the constitution that states it."""
    at: Location = field(default=Location(), compare=False)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One principle's objection to one action."""

    principle: str
    check: str
    ruling: Ruling
    message: str
    evidence: Any = None
    help: str | None = None
    source: str = ""
    """The constitution that states the principle."""


class JudgeCall(msgspec.Struct, frozen=True, kw_only=True):
    """A judged check that is still to be answered: does `subject` violate `rubric`?"""

    principle: str
    rubric: str
    subject: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gate says of one action. `judges` must be settled before the ruling is final.

    `revise` is the reason to hand back to a model that may try again; the ruling is then `deny` unless it does.
    `shadow` is what the ruling would have been when the mode is `shadow` (the ruling is then `allow`).
    """

    ruling: Ruling
    findings: tuple[Finding, ...] = ()
    judges: tuple[JudgeCall, ...] = ()
    revise: str | None = None
    shadow: Ruling | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate is asked about.

    `phase`: `pre` before a model, judge, wait or sleep effect leaves; `tool` before a tool effect leaves; `post`
    before any result is bound (`result` is set). `taint` maps `args.<name>` (tool) or `about`/`instruction`
    (model), and `""` for what decided that the step runs at all, to labels: `untrusted`, `private`, `undeclared`.
    """

    phase: Phase
    kind: EffectKind
    key: str
    attempt: int
    digest: str
    at: float
    request: Mapping[str, Any]
    result: Any = None
    tool: ToolCard | None = None
    taint: Mapping[str, frozenset[str]] = {}
    judged: bool = False
    """A judged check asks: only deterministic checks apply."""
