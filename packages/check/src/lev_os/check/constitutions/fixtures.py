"""The actions that principles show as their tests, run through the very gate that rules at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lev_os.core.constitutional import Constitution, Gate, Principle
from lev_os.core.constitutional.fixtures import replay


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a principle, alone, says of an action. `failed`: a check could not be evaluated."""

    objects: bool
    failed: bool
    message: str
    help: str | None = None


COMPLIES = Outcome(False, False, "")


class Alone:
    """One principle, or some of its checks, in a gate of its own.

    Violations are made to warn there and nothing fails open, so that a deny means that a check could not be evaluated.
    """

    def __init__(self, principle: Principle) -> None:
        alone = replace(
            principle,
            artifacts=principle.artifacts | {"run"},
            on_violation="warn",
            checks=tuple(replace(check, fail_open=False) for check in principle.checks),
        )
        self._gate = Gate(Constitution.of((alone,), name="alone"))

    def of(self, fixture: Mapping[str, Any]) -> Outcome:
        """The outcome for one fixture: its history first, then its action."""
        _, verdict = replay(self._gate, fixture)
        findings = [finding for finding in verdict.findings if finding.ruling != "allow"]
        if not findings:
            return COMPLIES
        failures = [finding for finding in findings if finding.ruling == "deny"]
        worst = failures[0] if failures else findings[0]
        return Outcome(len(failures) < len(findings), bool(failures), worst.message, worst.help)
