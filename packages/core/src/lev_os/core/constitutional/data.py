"""Principles as plain data and back: what is pinned into a journal and what digests are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import canonical
from .model import Check, JudgeSpec, Principle


def principle_data(principle: Principle) -> dict[str, Any]:
    """A principle as JSON; `principle_from` reads it back."""
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


def principle_from(data: Mapping[str, Any]) -> Principle:
    """The principle that `principle_data` wrote; an unknown kind of check is kept and denies."""
    judge = data["judge"]
    return Principle(
        id=data["id"],
        source=data["source"],
        statement=data["statement"],
        rationale=data["rationale"],
        authority=data["authority"],
        severity=data["severity"],
        artifacts=frozenset(data["artifacts"]),
        phases=frozenset(data["phases"]),
        checks=tuple(Check(**check) for check in data["checks"]),
        judge=None if judge is None else JudgeSpec(**judge),
        on_violation=data["on_violation"],
        violates=tuple(data["violates"]),
        complies=tuple(data["complies"]),
        maps={name: tuple(tags) for name, tags in data["maps"].items()},
    )


def _judge_data(judge: JudgeSpec | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    return {"rubric": judge.rubric, "min_tpr": judge.min_tpr, "min_tnr": judge.min_tnr, "fail_open": judge.fail_open}


def principle_digest(principle: Principle) -> str:
    """Names what a principle says and where it comes from."""
    return canonical.digest(principle_data(principle))
