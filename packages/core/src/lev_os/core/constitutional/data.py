"""Principles as plain data and back: what is pinned into a journal and what digests are made of."""

from __future__ import annotations

from typing import Any

import msgspec

from .. import canonical
from .model import Check, JudgeSpec, Mode, Principle


def principle_data(principle: Principle) -> dict[str, Any]:
    """A principle as JSON; `msgspec.convert` to a `Principle` reads it back."""
    return {
        "id": principle.id,
        "source": principle.source,
        "statement": principle.statement,
        "rationale": principle.rationale,
        "authority": principle.authority,
        "severity": principle.severity,
        "artifacts": sorted(principle.artifacts),
        "phases": sorted(principle.phases),
        "checks": [check_data(check) for check in principle.checks],
        "judge": _judge_data(principle.judge),
        "on_violation": principle.on_violation,
        "violates": list(principle.violates),
        "complies": list(principle.complies),
        "maps": {name: list(tags) for name, tags in principle.maps.items()},
    }


def check_data(check: Check) -> dict[str, Any]:
    return {"kind": check.kind, "argument": check.argument, "fail_open": check.fail_open}


class PinnedConstitution(msgspec.Struct, frozen=True, kw_only=True):
    """A constitution as a journal keeps it. An unknown kind of check is kept, and denies."""

    name: str
    specifier: str
    mode: Mode
    text: str
    principles: tuple[Principle, ...]


def _judge_data(judge: JudgeSpec | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    return {"rubric": judge.rubric, "min_tpr": judge.min_tpr, "min_tnr": judge.min_tnr, "fail_open": judge.fail_open}


def principle_digest(principle: Principle) -> str:
    """Names what a principle says and where it comes from."""
    return canonical.digest(principle_data(principle))
