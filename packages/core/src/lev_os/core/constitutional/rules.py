"""Principles compiled for the gate: which checks of which principle meet which action, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, cast

from .checks import KINDS, Compiled, Hit
from .checks.base import Watching
from .constitution import Constitution
from .data import principle_digest
from .facts import Facts
from .model import Check, Finding, Mode, OnViolation, Principle, Ruling

RULING: Final[dict[OnViolation, Ruling]] = {"warn": "warn", "escalate": "ask", "revise": "deny", "block": "deny"}
"""What a violation leads to; `revise` is a deny that a model may mend."""
_JUDGED: Final = frozenset({("pre", "model"), ("tool", "tool"), ("post", "model"), ("post", "tool")})
"""Where a judge is asked: what goes to or comes from models and tools, never waits, sleeps or other judgements."""


class Outcome(NamedTuple):
    """A finding and the rule it comes from; `mendable` when a model may try again."""

    rule: Rule
    finding: Finding
    mendable: bool


class Rule(NamedTuple):
    """A principle with its checks ready to run. `name` is its id, qualified when several constitutions use the id."""

    principle: Principle
    name: str
    checks: tuple[tuple[Check, Compiled], ...]
    shadow: bool
    judging: bool = False

    def at(self, phase: str, kind: str) -> Rule | None:
        """The part of the rule that concerns such actions, or None."""
        principle = self.principle
        if phase not in principle.phases or "run" not in principle.artifacts:
            return None
        checks = tuple(pair for pair in self.checks if pair[1].applies(phase, kind))
        judges = principle.judge is not None and (phase, kind) in _JUDGED
        if not checks and not judges:
            return None
        return self._replace(checks=checks, judging=judges)


CheckOf = tuple[Compiled, Check, Rule]


class Applicable(NamedTuple):
    """All that concerns one kind of action in one phase: the checks in order, and the rules that have a judge."""

    checks: tuple[CheckOf, ...]
    judging: tuple[Rule, ...]

    def of_tool(self, effects: frozenset[str], names: frozenset[str]) -> Applicable:
        """What of it concerns a tool with these effects and names."""
        return self._replace(checks=tuple(entry for entry in self.checks if entry[0].concerns(effects, names)))


def applicable(rules: Iterable[Rule], phase: str, kind: str) -> Applicable | None:
    """What of the rules concerns such actions, or None."""
    here = [rule for rule in (rule.at(phase, kind) for rule in rules) if rule is not None]
    if not here:
        return None
    checks = tuple((compiled, check, rule) for rule in here for check, compiled in rule.checks)
    return Applicable(checks, tuple(rule for rule in here if rule.judging))


class _Refusing:
    """Stands for a check this version does not know or cannot compile."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def applies(self, phase: str, kind: str) -> bool:
        return True

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return True

    def __call__(self, facts: Facts) -> Hit | None:
        raise ValueError(self.reason)


def watching(rules: Iterable[Rule]) -> tuple[Watching, ...]:
    """The checks that depend on what left before."""
    return tuple(cast(Watching, check) for rule in rules for _, check in rule.checks if hasattr(check, "observe"))


def compile_rules(constitutions: Iterable[Constitution], mode: Mode | None) -> list[Rule]:
    """Every principle once, however many constitutions inherit it; enforced if any of them enforces it."""
    shadows: dict[str, bool] = {}
    principles: dict[str, Principle] = {}
    for constitution in constitutions:
        shadow = (mode or constitution.mode) == "shadow"
        for principle in constitution.principles:
            digest = principle_digest(principle)
            principles.setdefault(digest, principle)
            shadows[digest] = shadows.get(digest, True) and shadow
    names = _names(principles.values())
    return [
        Rule(principle, name, tuple((check, _compile(check, principle)) for check in principle.checks), shadows[digest])
        for name, (digest, principle) in zip(names, principles.items(), strict=True)
    ]


def run(steps: Iterable[CheckOf], facts: Facts) -> list[Outcome]:
    """What the checks object to. One that cannot be evaluated denies, unless it is written to fail open."""
    outcomes: list[Outcome] = []
    for compiled, check, rule in steps:
        try:
            hit = compiled(facts)
        except Exception as error:  # whatever goes wrong in a check, the answer is no
            message = f"the check `{check.kind}` could not be evaluated: {_reason(error)}"
            outcomes.append(_failure(rule, check.kind, message, check.fail_open))
        else:
            if hit is not None:
                outcomes.append(_violation(rule, check.kind, hit))
    return outcomes


def judged(rule: Rule, violates: bool | None) -> Outcome | None:
    """What a judge's answer leads to."""
    if violates is None:
        spec = rule.principle.judge
        return _failure(rule, "judge", "no judge could say whether this complies", spec is not None and spec.fail_open)
    return _violation(rule, "judge", Hit("a judge found that this violates it")) if violates else None


def _violation(rule: Rule, kind: str, hit: Hit) -> Outcome:
    principle = rule.principle
    finding = Finding(
        principle=principle.id,
        check=kind,
        ruling=RULING[principle.on_violation],
        message=f"{principle.statement.rstrip('. ')}: {hit.message}",
        evidence=hit.evidence,
        help=hit.help,
        source=principle.source,
    )
    return Outcome(rule, finding, principle.on_violation == "revise")


def _failure(rule: Rule, kind: str, message: str, fail_open: bool) -> Outcome:
    finding = Finding(
        principle=rule.principle.id,
        check=kind,
        ruling="warn" if fail_open else "deny",
        message=message + (" (it is written to fail open)" if fail_open else ""),
        source=rule.principle.source,
    )
    return Outcome(rule, finding, False)


def _reason(error: Exception) -> str:
    text = str(error).splitlines()
    return text[0][:300] if text else type(error).__name__


def _names(principles: Iterable[Principle]) -> list[str]:
    seen: dict[str, int] = {}
    every = list(principles)
    ids = [principle.id for principle in every]
    names: list[str] = []
    for principle in every:
        name = principle.id if ids.count(principle.id) == 1 else f"{principle.source}#{principle.id}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return names


def _compile(check: Check, principle: Principle) -> Compiled:
    kind = KINDS.get(check.kind)
    if kind is None:
        return _Refusing(f"`{check.kind}` is not a check this version knows")
    try:
        return kind.compile(check.argument, hard=principle.authority == "hard")
    except Exception as error:
        return _Refusing(_reason(error))
