"""The tests of a constitution, run: each principle against its own, and against those of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
from lev_os.core.canonical import digest
from lev_os.core.constitutional import Principle

from ...constitutions.fixtures import Alone
from ...constitutions.own import Own, Stated, constitutions_of, stated_by
from ...project import PackageSubject
from ...rule import Finding, rule
from .examples import SOUND, changed, package

_OTHER = """\
  - id: ACME-002
    statement: Whoever closes a ticket says why.
    checks:
      - cel: {when: "tool.endsWith('/close_ticket')", holds: "has(args.why)"}
    tests:
      violates:
        - {tool: acme/tools/close_ticket}
        - {tool: acme/tools/close_ticket, args: {id: "7"}}
      complies:
        - {tool: acme/tools/close_ticket, args: {why: answered}}
        - {tool: acme/tools/close_ticket, args: {why: spam, id: "7"}}
"""


@rule(
    "CON301",
    "violation-not-found",
    summary="A principle does not object to an action that it shows as violating.",
    on="package",
    severity="error",
    why="Either the check is wrong or the example is; whoever relies on the principle is not protected.",
    mend="Compare phase, tool, scope and fields of the action with what the checks look at.",
    bad=changed(
        "- {tool: acme/tools/delete_account}", "- {tool: acme/tools/remove_account}", at="{tool: acme/tools/re"
    ),
    good=package(),
)
def violation_not_found(subject: PackageSubject) -> Iterator[Finding]:
    """Each violating action of each stated principle; one with a judge may leave it to the judge."""
    for own, stated in stated_by(subject):
        alone = Alone(stated.principle)
        for index, fixture in enumerate(_shown(stated, "violates")):
            outcome = alone.of(fixture)
            if outcome.failed:
                message = f"{stated.principle.id} refuses this only because {outcome.message}"
                help = "give the action all that the check reads, or narrow the check with `when`"
                yield own.finding(message, *_at(stated, "violates", index), help=help)
            elif not outcome.objects and stated.principle.judge is None:
                message = f"{stated.principle.id} does not object to this"
                help = "is its phase, tool or scope one that the checks meet?"
                yield own.finding(message, *_at(stated, "violates", index), help=help)


@rule(
    "CON302",
    "compliance-refused",
    summary="A principle objects to an action that it shows as complying.",
    on="package",
    severity="error",
    why="What the principle calls right would be refused at run time.",
    mend="Narrow the check, or correct the example.",
    bad=changed(
        "- {tool: acme/tools/find_account}", "- {tool: acme/tools/delete_account}", at="complies:\n        - ¶{"
    ),
    good=package(),
)
def compliance_refused(subject: PackageSubject) -> Iterator[Finding]:
    """Each complying action of each stated principle."""
    for own, stated in stated_by(subject):
        alone = Alone(stated.principle)
        for index, fixture in enumerate(_shown(stated, "complies")):
            outcome = alone.of(fixture)
            if outcome.objects or outcome.failed:
                yield own.finding(outcome.message, *_at(stated, "complies", index), help=outcome.help)


@rule(
    "CON401",
    "check-never-fires",
    summary="A check objects to none of the actions that its principle shows as violating.",
    on="package",
    severity="warning",
    why="Nothing shows that this check does anything: a pattern may be misspelt, a tool renamed.",
    mend="Add a violating action that this very check objects to, or remove the check.",
    bad=changed(
        '- forbid_tool: ["*/tools/delete_account"]',
        '- forbid_tool: ["*/tools/delete_account"]\n      - regex: "drop +table"',
        at="regex",
    ),
    good=package(),
)
def check_never_fires(subject: PackageSubject) -> Iterator[Finding]:
    """Each check of a stated principle, alone, against all violating actions; with one check CON301 says it better."""
    for own, stated in stated_by(subject):
        principle = stated.principle
        if "checks" not in stated.data or (len(principle.checks) < 2 and principle.judge is None):
            continue
        for number, check in enumerate(principle.checks):
            alone = Alone(replace(principle, checks=(check,), judge=None))
            if not any(alone.of(fixture).objects for fixture in principle.violates):
                message = f"this `{check.kind}` objects to no violating action of {principle.id}"
                yield own.finding(
                    message, "principles", stated.index, "checks", number, check.kind, key=True,
                    help="show an action that it objects to",
                )  # fmt: skip


@rule(
    "CON402",
    "contradiction",
    summary="What one principle shows as complying, another refuses.",
    on="package",
    severity="error",
    why="If another principle refuses everything that complies with this one, nothing can be done that obeys both.",
    mend="Narrow one of the two, or show an action that obeys both. It is `info` while some complying action passes.",
    bad=package(
        SOUND
        + _OTHER
        + _OTHER.replace("ACME-002", "ACME-003")
        .replace("Whoever closes a ticket says why.", "No reason goes into a ticket.")
        .replace("has(args.why)", "!has(args.why)")
        .replace("violates:", "was:")
        .replace("complies:", "violates:")
        .replace("was:", "complies:"),
        at="{tool: acme/tools/close_ticket, args: {why: ans",
    ),
    good=package(SOUND + _OTHER),
)
def contradiction(subject: PackageSubject) -> Iterator[Finding]:
    """Each complying action of a stated principle through every other principle that denies (a person can settle
    what only escalates). Actions that a check cannot be evaluated on say nothing: fixtures leave out what they can."""
    for own in constitutions_of(subject):
        yield from _contradictions(own)


@rule(
    "CON403",
    "same-test-twice",
    summary="A principle shows one action twice.",
    on="package",
    severity="warning",
    why="Two examples are asked for because one shows no line; the same one again shows no more.",
    mend="Change it into another case: a limit, another tool, another wording.",
    bad=changed(', args: {id: "7"}}', "}", at="delete_account}\n        - ¶{"),
    good=package(),
)
def same_test_twice(subject: PackageSubject) -> Iterator[Finding]:
    """Equal actions among a principle's own tests, on one side or on both."""
    for own, stated in stated_by(subject):
        seen: dict[str, str] = {}
        for side in ("violates", "complies"):
            for index, fixture in enumerate(_shown(stated, side)):
                name = digest(fixture)
                place = own.document.at(_at(stated, side, index))
                if name in seen:
                    yield own.finding(f"this action is already shown in line {seen[name]}", *_at(stated, side, index))
                seen.setdefault(name, str(place.line))


_MOST_PAIRS = 100_000
"""Actions times principles that are run, in about a second: some 200 principles with two actions each."""


def _contradictions(own: Own) -> Iterator[Finding]:
    denying = [p for p in own.constitution.principles if p.on_violation in ("block", "revise") and "run" in p.artifacts]
    gates = {principle.id: Alone(principle) for principle in denying}
    left = _MOST_PAIRS
    for stated in own.stated():
        fixtures = list(_shown(stated, "complies"))
        left -= len(fixtures) * len(denying)
        if left < 0:
            finding = own.finding(
                f"from {stated.principle.id} on, complying actions are not run through the other principles: "
                f"there are more than {_MOST_PAIRS:,} pairs",
                *("principles", stated.index, "id"),
                help="divide the constitution: what another one inherits is compared where it stands",
            )
            yield msgspec.structs.replace(finding, severity="info")
            return
        for other in denying:
            if other.id == stated.principle.id:
                continue
            outcomes = [gates[other.id].of(fixture) for fixture in fixtures]
            refused = [index for index, outcome in enumerate(outcomes) if outcome.objects and not outcome.failed]
            if not refused:
                continue
            every = len(refused) == len(fixtures)
            amount = "all of its complying actions" if every else "this complying action"
            finding = own.finding(
                f"{other.id} ({_where(other, own)}) refuses {amount}: {outcomes[refused[0]].message}",
                *_at(stated, "complies", refused[0]),
                help=f"narrow {stated.principle.id} or {other.id}, or show an action that obeys both",
            )
            yield finding if every else msgspec.structs.replace(finding, severity="info")


def _shown(stated: Stated, side: str) -> list[dict[str, object]]:
    """The tests that stand in this file; inherited ones were judged where they stand."""
    return list(stated.data.get("tests", {}).get(side, ()))


def _at(stated: Stated, side: str, index: int) -> tuple[str | int, ...]:
    return ("principles", stated.index, "tests", side, index)


def _where(principle: Principle, own: Own) -> str:
    """Where another principle stands: its line in this file, or the constitution it is inherited from."""
    return f"line {principle.at.line}" if principle.source == own.constitution.specifier else principle.source
