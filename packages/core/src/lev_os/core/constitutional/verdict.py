"""Many findings, one verdict, and many gates, one verdict: the strictest wins, in the order of `RULINGS`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from .. import canonical
from .facts import tool_name
from .model import RULINGS, Action, Finding, JudgeCall, Ruling, Verdict
from .rules import Outcome, Rule

REVISIONS: Final = 2
"""How often a model may try again before what a principle wants otherwise is denied."""
SHOWN: Final = ("allow", "warn")
"""The rulings under which something may be seen or done."""
_RANK: Final[dict[Ruling, int]] = {ruling: rank for rank, ruling in enumerate(RULINGS)}


def fold(outcomes: Sequence[Outcome], asking: Sequence[Rule], action: Action, *, approved: bool) -> Verdict:
    """The verdict of all outcomes; `asking` are the rules whose judges are to be asked unless it is a deny already.

    An `ask` that a person approved becomes an allow and stays in the findings. A deny is mendable (`revise`) when
    every enforced deny is.
    """
    findings: list[Finding] = []
    enforced: Ruling = "allow"
    would_be: Ruling = "allow"
    reasons: list[str] = []
    mendable = True
    for rule, finding, may_mend in outcomes:
        if approved and finding.ruling == "ask":
            finding = msgspec.structs.replace(
                finding, ruling="allow", message=f"{finding.message} (approved by a person)"
            )
        findings.append(finding)
        would_be = stricter(would_be, finding.ruling)
        if not rule.shadow:
            enforced = stricter(enforced, finding.ruling)
            if finding.ruling == "deny":
                reasons.append(finding.message)
                mendable = mendable and may_mend
    return Verdict(
        ruling=enforced,
        findings=tuple(findings),
        judges=tuple(_call(rule, action) for rule in asking) if would_be != "deny" else (),
        revise="\n".join(reasons) if enforced == "deny" and mendable else None,
        shadow=would_be if would_be != enforced else None,
    )


def stricter(one: Ruling, other: Ruling) -> Ruling:
    return one if _RANK[one] >= _RANK[other] else other


def strictest(one: Verdict, other: Verdict) -> Verdict:
    """What two gates say together of one action: the stricter ruling, the findings of both."""
    strict = one if _RANK[one.ruling] >= _RANK[other.ruling] else other
    denials = [verdict for verdict in (one, other) if verdict.ruling == "deny"]
    reasons = [verdict.revise for verdict in denials if verdict.revise is not None]
    would_be = max((v.shadow or v.ruling for v in (one, other)), key=RULINGS.index)
    return msgspec.structs.replace(
        strict,
        findings=one.findings + other.findings,
        # A model may try again only if every gate that denies says so.
        revise="\n".join(dict.fromkeys(reasons)) if reasons and len(reasons) == len(denials) else None,
        shadow=would_be if would_be != strict.ruling else None,
    )


def reasons(verdict: Verdict) -> str:
    """Why the gate rules as it does, in one line: the findings that decided, with the ways out."""
    worst = [f for f in verdict.findings if f.ruling == verdict.ruling] or list(verdict.findings)
    said = "; ".join(f"{f.principle}: {f.message}" + (f" ({f.help})" if f.help else "") for f in worst)
    return said or "denied by the constitution"


def _call(rule: Rule, action: Action) -> JudgeCall:
    judge = rule.principle.judge
    rubric = judge.rubric if judge is not None else rule.principle.statement
    return JudgeCall(principle=rule.name, rubric=rubric, subject=_subject(action))


def _subject(action: Action) -> str:
    """What the judge reads: data, as one line of JSON."""
    request = action.request
    if action.phase == "tool":
        value = {"tool": tool_name(action), "arguments": request.get("arguments")}
    else:
        value = {name: request[name] for name in ("instruction", "about", "tool", "arguments") if name in request}
        if action.phase == "post":
            value["result"] = action.result
    return canonical.encode(value).decode()
