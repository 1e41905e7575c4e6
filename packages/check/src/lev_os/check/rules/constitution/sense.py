"""Principles that cannot do what they say: scopes nothing falls into, patterns that match all, two of one meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lev_os.core.canonical import digest
from lev_os.core.constitutional import Principle
from lev_os.core.constitutional.checks import KINDS
from lev_os.core.constitutional.checks.regex import program

from ...constitutions.own import constitutions_of, stated_by
from ...project import PackageSubject
from ...rule import Finding, rule
from .examples import SOUND, changed, package

_MEETS = {
    "pre": ("model", "judge", "wait", "sleep"),
    "tool": ("tool",),
    "post": ("model", "judge", "tool", "wait", "sleep"),
}
"""The kinds of effect that each phase sees, as the gate has them."""
_CHECKS = '    checks:\n      - forbid_tool: ["*/tools/delete_account"]'
_LOOKS_AT = {
    "context": frozenset({"regex", "require_phrase", "forbid_tool"}),
    "tool": frozenset({"forbid_tool"}),
}
"""What can be asked of something that does not run. Flows and runs can be asked everything."""
_IDLE = re.compile(r"[^\w\s]|\b(?:an?|the|must|shall|should|may|is|are|be|will|can)\b")


@rule(
    "CON404",
    "shadow-mode",
    summary="A constitution is in shadow mode: it records and enforces nothing.",
    on="package",
    severity="warning",
    why="Shadow mode is for trying principles out. Left on, it looks like protection and is none.",
    mend="Remove `mode: shadow` once the audit shows what you expect.",
    bad=changed("name: acme\n", "name: acme\nmode: shadow\n", at="shadow"),
    good=package(),
)
def shadow_mode(subject: PackageSubject) -> Iterator[Finding]:
    """The constitution's own mode."""
    for own in constitutions_of(subject):
        if own.constitution.mode == "shadow":
            yield own.finding(
                "nothing is enforced while `mode` is `shadow`", "mode", help="remove this line to enforce"
            )


@rule(
    "CON405",
    "check-never-runs",
    summary="A check looks at nothing that happens in the principle's phases.",
    on="package",
    severity="error",
    why="Tool calls are seen in the phase `tool`, requests in `pre`, results in `post`; elsewhere the check is blind.",
    mend="Add the phase to `scope.phase`, or leave `phase` out to have all of them.",
    bad=changed("    checks:", "    scope: {phase: [post]}\n    checks:", at="forbid_tool"),
    good=changed("    checks:", "    scope: {phase: [tool]}\n    checks:"),
)
def check_never_runs(subject: PackageSubject) -> Iterator[Finding]:
    """Each check against every phase of its scope and every kind of effect."""
    for own, stated in stated_by(subject):
        principle = stated.principle
        if "checks" not in stated.data and "scope" not in stated.data:
            continue
        for number, check in enumerate(principle.checks):
            compiled = KINDS[check.kind].compile(check.argument, hard=principle.authority == "hard")
            if any(compiled.applies(phase, kind) for phase in principle.phases for kind in _MEETS[phase]):
                continue
            phases = ", ".join(sorted(principle.phases))
            message = f"`{check.kind}` sees nothing in the phase {phases}"
            yield own.finding(
                message, "principles", stated.index, "checks", number, check.kind, key=True,
                help="correct `scope.phase`, or the check's fields",
            )  # fmt: skip


@rule(
    "CON406",
    "scope-out-of-reach",
    summary="No check of a principle can look at the kinds of artifact in its scope.",
    on="package",
    severity="error",
    why="A context has no arguments and no taint, a tool's declaration no text: there the principle holds nothing.",
    mend="Add `flow` or `run` to `scope.artifacts`, where every check works.",
    bad=changed(_CHECKS, "    scope: {artifacts: [tool]}\n    checks:\n      - budget: {calls: 0}", at="[tool]"),
    good=changed("    checks:", "    scope: {artifacts: [tool, run]}\n    checks:"),
)
def scope_out_of_reach(subject: PackageSubject) -> Iterator[Finding]:
    """A stated principle whose every artifact is blind to all of its checks; a judge reads what runs."""
    for own, stated in stated_by(subject):
        principle = stated.principle
        kinds = {check.kind for check in principle.checks}
        if principle.artifacts & {"flow", "run"} or not kinds:
            continue
        if not any(kinds & _LOOKS_AT[artifact] for artifact in principle.artifacts):
            names = " nor ".join(f"`{kind}`" for kind in sorted(kinds))
            where = ", ".join(sorted(principle.artifacts))
            yield own.finding(
                f"{names} cannot look at {where}", "principles", stated.index, "scope", "artifacts",
                help="add `flow` or `run`",
            )  # fmt: skip


@rule(
    "CON407",
    "pattern-matches-everything",
    summary="A pattern that must not be found is found in the empty text, and so everywhere.",
    on="package",
    severity="error",
    why="Every text would violate the principle.",
    mend="Use `+` in place of `*`, or write out what must be there.",
    bad=changed('forbid_tool: ["*/tools/delete_account"]', 'regex: "(secret)*"', at='"(secret)*"'),
    good=changed('forbid_tool: ["*/tools/delete_account"]', 'regex: "(secret)+"'),
)
def pattern_matches_everything(subject: PackageSubject) -> Iterator[Finding]:
    """The pattern of each `regex` check, searched for in nothing."""
    for own, stated in stated_by(subject):
        for number, check in enumerate(stated.principle.checks):
            if check.kind != "regex" or "checks" not in stated.data:
                continue
            written = isinstance(check.argument, str)
            pattern = check.argument if written else check.argument["pattern"]
            if program(pattern).search("") is not None:
                place = ("principles", stated.index, "checks", number, "regex")
                yield own.finding("this pattern is found in every text", *place, *(() if written else ("pattern",)))


@rule(
    "CON408",
    "principle-twice",
    summary="Two principles have the same checks, or say the same.",
    on="package",
    severity="warning",
    why="Whoever changes one of them believes to have changed the rule.",
    mend="Keep one of them; what an inherited constitution states need not be stated again.",
    bad=package(
        SOUND + SOUND.partition("principles:\n")[2].replace("001", "002").replace("Nobody", "No one"), at="ACME-002"
    ),
    good=package(),
)
def principle_twice(subject: PackageSubject) -> Iterator[Finding]:
    """Each stated principle against those before it and those inherited."""
    for own in constitutions_of(subject):
        stated = {each.principle.id: each for each in own.stated()}
        checks: dict[str, str] = {}
        words: dict[str, str] = {}
        inherited = [principle for principle in own.constitution.principles if principle.id not in stated]
        for principle in [*inherited, *(each.principle for each in stated.values())]:
            same_checks = checks.setdefault(_meaning(principle), principle.id) if principle.checks else principle.id
            same_words = words.setdefault(_said(principle.statement), principle.id)
            if principle.id in stated and (
                other := next((i for i in (same_checks, same_words) if i != principle.id), None)
            ):
                what = "has the same checks as" if other == same_checks else "says the same as"
                yield own.finding(f"{principle.id} {what} {other}", "principles", stated[principle.id].index, "id")


@rule(
    "CON409",
    "judged-without-measure",
    summary="A hard principle rests on a judge alone, and no rate of right answers is asked of it.",
    on="package",
    severity="warning",
    why="A judge is a model's opinion. What can be neither suppressed nor loosened deserves a measured one.",
    mend="Add a check for what can be decided, or `min_tpr` and `min_tnr`, and calibrate the judge on examples.",
    bad=changed(
        _CHECKS,
        "    authority: hard\n    judge: {rubric: Does it harm the customer?}",
        at="judge",
    ),
    good=changed(
        _CHECKS,
        "    authority: hard\n    judge: {rubric: Does it harm the customer?, min_tpr: 0.9, min_tnr: 0.9}",
    ),
)
def judged_without_measure(subject: PackageSubject) -> Iterator[Finding]:
    """Hard principles with a judge, without checks, and without both rates."""
    for own, stated in stated_by(subject):
        principle, judge = stated.principle, stated.principle.judge
        if judge is None or principle.checks or principle.authority != "hard" or "judge" not in stated.data:
            continue
        if judge.min_tpr is None or judge.min_tnr is None:
            message = f"{principle.id} is hard and rests on this judge alone, of whom no rate is asked"
            yield own.finding(message, "principles", stated.index, "judge", key=True)


def _meaning(principle: Principle) -> str:
    """What a principle holds and where; how it is worded, and how severe it is, aside."""
    checks = sorted(digest([check.kind, check.argument]) for check in principle.checks)
    return digest([checks, sorted(principle.artifacts), sorted(principle.phases)])


def _said(statement: str) -> str:
    return " ".join(_IDLE.sub(" ", statement.casefold()).split())
