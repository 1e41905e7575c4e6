"""The gate: verdicts by the strictest, several constitutions, judges, approvals, shadow mode, determinism."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.constitutional import (
    ALLOW,
    Check,
    Constitution,
    Finding,
    Gate,
    JudgeSpec,
    Principle,
    Ruling,
    Verdict,
)
from lev_os.core.constitutional.fixtures import action_of
from lev_os.core.constitutional.model import RULINGS, Mode, OnViolation

CALL = action_of({"tool": {"name": "send", "effects": []}, "args": {"text": "hush"}})
ANSWER = action_of({"request": {"instruction": "say"}, "result": {"answer": "hush"}})
OUTCOME: dict[OnViolation, Ruling] = {"warn": "warn", "revise": "deny", "escalate": "ask", "block": "deny"}


def rule(name: str, on: OnViolation = "block", *, finds: str = "hush", **more: Any) -> Principle:
    checks = (Check(kind="regex", argument=finds),)
    return Principle(id=name, statement=f"Rule {name}.", on_violation=on, checks=checks, source="here", **more)


def stated(principle: Principle, source: str) -> Principle:
    """The same principle, stated elsewhere."""
    return replace(principle, source=source)


def law(*principles: Principle, mode: Mode = "enforce", name: str = "law") -> Constitution:
    return Constitution.of(principles, name=name, mode=mode)


@pytest.mark.parametrize("on", list(OUTCOME))
def test_what_a_violation_leads_to(on: OnViolation) -> None:
    """Each `on_violation` has its ruling, and only `revise` hands the reason back."""
    verdict = Gate(law(rule("A-1", on))).judge(CALL)
    assert verdict.ruling == OUTCOME[on]
    assert (verdict.revise is not None) == (on == "revise")
    assert verdict.findings[0].message.startswith("Rule A-1: `args.text`")


@given(st.lists(st.sampled_from(list(OUTCOME)), max_size=6))
def test_the_strictest_wins(violations: list[OnViolation]) -> None:
    """Whatever is violated together, the ruling is the strictest, and a deny is mendable if every deny is."""
    verdict = Gate(law(*(rule(f"A-{n}", on) for n, on in enumerate(violations)))).judge(CALL)
    rulings = [OUTCOME[on] for on in violations]
    assert verdict.ruling == max(rulings, key=RULINGS.index, default="allow")
    assert (verdict.revise is not None) == ("revise" in violations and "block" not in violations)
    assert [finding.ruling for finding in verdict.findings] == rulings


def test_nothing_applicable_is_one_shared_allow() -> None:
    """An action that no principle concerns, or that all let pass, costs no value of its own."""
    assert Gate(law()).judge(CALL) is ALLOW
    assert Gate(law(rule("A-1", finds="nothing"))).judge(CALL) is ALLOW
    assert Gate(law(rule("A-1", phases=frozenset({"post"})))).judge(CALL) is ALLOW
    assert Gate(law(rule("A-1", artifacts=frozenset({"flow"})))).judge(CALL) is ALLOW


def test_an_action_of_no_known_phase_is_a_mistake() -> None:
    """The gate never lets pass what it cannot place."""
    with pytest.raises(KeyError):
        Gate(law()).judge(msgspec.structs.replace(CALL, kind="dance"))


def test_without_constitutions_the_baseline_holds() -> None:
    """A gate is never empty by accident."""
    assert Gate().constitutions == (Constitution.baseline(),)


class TestSeveralConstitutions:
    def test_a_call_obeys_both_and_findings_name_their_source(self) -> None:
        """Same id, two sources, both judged, the strictest wins."""
        mild = stated(rule("A-1", "warn"), "mild")
        strict = stated(rule("A-1", "block"), "strict")
        verdict = Gate(law(mild), law(strict, name="other")).judge(CALL)
        assert verdict.ruling == "deny"
        assert [finding.source for finding in verdict.findings] == ["mild", "strict"]

    def test_what_both_inherit_is_said_once(self) -> None:
        """Two packages that extend the baseline give one finding, not two."""
        shared = rule("BASE-1")
        verdict = Gate(law(shared), law(shared, rule("A-1", finds="no"), name="other")).judge(CALL)
        assert len(verdict.findings) == 1

    def test_enforced_if_any_of_them_enforces(self) -> None:
        """One package's trial run does not switch off another's rule."""
        shared = rule("BASE-1")
        trial, real = law(shared, mode="shadow"), law(shared, name="other")
        assert Gate(trial, real).judge(CALL).ruling == Gate(real, trial).judge(CALL).ruling == "deny"


class TestShadow:
    def test_it_records_and_allows(self) -> None:
        """The ruling that would have been is in the verdict."""
        verdict = Gate(law(rule("A-1"), mode="shadow")).judge(CALL)
        assert (verdict.ruling, verdict.shadow) == ("allow", "deny")
        assert verdict.findings[0].ruling == "deny"

    @pytest.mark.parametrize(("mode", "ruling"), [("shadow", "allow"), ("enforce", "deny")])
    def test_the_gate_may_override_the_mode(self, mode: Mode, ruling: str) -> None:
        """A run in shadow mode of an enforcing constitution, and the reverse."""
        own: Mode = "enforce" if mode == "shadow" else "shadow"
        assert Gate(law(rule("A-1"), mode=own), mode=mode).judge(CALL).ruling == ruling

    def test_beside_an_enforced_one(self) -> None:
        """Each counts for what it is."""
        verdict = Gate(law(rule("A-1", "warn")), law(rule("B-1"), mode="shadow", name="trial")).judge(CALL)
        assert (verdict.ruling, verdict.shadow) == ("warn", "deny")


class TestJudges:
    JUDGE = JudgeSpec(rubric="Is it rude?")

    def gate(self, on: OnViolation = "block", *, judge: JudgeSpec = JUDGE, finds: str = "never") -> Gate:
        return Gate(law(rule("J-1", on, finds=finds, judge=judge)))

    def settled(self, answer: bool | None, on: OnViolation = "block", judge: JudgeSpec = JUDGE) -> Verdict:
        session = self.gate(on, judge=judge).session()
        return session.settle(ANSWER, session.judge(ANSWER), {"J-1": answer})

    def test_a_judge_is_asked_about_the_whole_matter(self) -> None:
        """The call holds the rubric, and what is judged as data."""
        verdict = self.gate().judge(ANSWER)
        assert verdict.ruling == "allow"
        (call,) = verdict.judges
        assert (call.principle, call.rubric) == ("J-1", "Is it rude?")
        assert msgspec.json.decode(call.subject) == {"instruction": "say", "result": {"answer": "hush"}}
        assert '"arguments":{"text":"hush"}' in self.gate().judge(CALL).judges[0].subject

    @pytest.mark.parametrize("on", list(OUTCOME))
    def test_its_yes_is_a_violation_and_its_no_is_none(self, on: OnViolation) -> None:
        """The ruling is the principle's."""
        assert self.settled(True, on).ruling == OUTCOME[on]
        assert self.settled(False, on) is ALLOW

    def test_no_answer_denies_unless_it_fails_open(self) -> None:
        """A missing judge is a deny, whatever the principle's `on_violation`; open, a warning."""
        assert self.settled(None, "warn").ruling == "deny"
        assert self.settled(None, "warn").revise is None
        assert self.settled(None, judge=JudgeSpec(rubric="?", fail_open=True)).ruling == "warn"
        session = self.gate().session()
        assert session.settle(ANSWER, session.judge(ANSWER), {}).ruling == "deny"

    def test_it_is_not_asked_when_a_check_denies_and_cannot_overrule_one(self) -> None:
        """A model's opinion never lifts a deterministic finding."""
        session = self.gate(finds="hush").session()
        verdict = session.judge(ANSWER)
        assert (verdict.ruling, verdict.judges) == ("deny", ())
        assert session.settle(ANSWER, verdict, {"J-1": False}).ruling == "deny"

    @given(st.sampled_from(["warn", "escalate", "block", "revise"]), st.sampled_from([True, False, None]))
    def test_an_answer_never_makes_a_verdict_milder(self, on: OnViolation, answer: bool | None) -> None:
        """Settling only tightens."""
        session = self.gate(on, finds="hush").session()
        before = session.judge(ANSWER)
        after = session.settle(ANSWER, before, {call.principle: answer for call in before.judges})
        assert RULINGS.index(after.ruling) >= RULINGS.index(before.ruling)
        assert before.findings[0] in after.findings

    def test_a_judge_is_not_judged(self) -> None:
        """What a judge asks meets deterministic checks only."""
        asked = msgspec.structs.replace(action_of({"request": {"instruction": "hush"}}), judged=True)
        assert self.gate().judge(asked) is ALLOW
        assert self.gate(finds="hush").judge(asked).ruling == "deny"

    def test_two_principles_of_one_id_are_told_apart(self) -> None:
        """Answers are by name, and the name says the source when the id does not suffice."""
        one = stated(rule("J-1", finds="no", judge=self.JUDGE), "a")
        two = stated(rule("J-1", finds="no", judge=JudgeSpec(rubric="Is it long?")), "b")
        three = stated(rule("J-1", finds="nor", judge=self.JUDGE), "b")
        verdict = Gate(law(one), law(two, name="other"), law(three, name="more")).judge(ANSWER)
        assert [call.principle for call in verdict.judges] == ["a#J-1", "b#J-1", "b#J-1~2"]

    @pytest.mark.parametrize("kind", ["wait", "sleep", "judge"])
    def test_waits_sleeps_and_judgements_are_not_judged(self, kind: str) -> None:
        """Only what goes to or comes from models and tools is."""
        assert self.gate().judge(action_of({"kind": kind, "request": {"name": "x"}})) is ALLOW


class TestApprovals:
    def test_an_approved_action_is_not_asked_about_again(self) -> None:
        """The finding stays in the trail as allowed by a person; another digest, key or the result is asked about."""
        session = Gate(law(rule("A-1", "escalate"))).session()
        assert session.judge(CALL).ruling == "ask"
        session.approved(CALL)
        again = session.judge(msgspec.structs.replace(CALL, attempt=2))
        assert again.ruling == "allow"
        assert "approved by a person" in again.findings[0].message
        assert session.judge(msgspec.structs.replace(CALL, digest="other")).ruling == "ask"
        assert session.judge(msgspec.structs.replace(CALL, key="other")).ruling == "ask"
        assert session.judge(msgspec.structs.replace(CALL, phase="post", result="hush")).ruling == "ask"

    def test_the_approval_of_one_result_is_not_that_of_another(self) -> None:
        """What a person saw is what is let in."""
        session = Gate(law(rule("A-1", "escalate"))).session()
        session.approved(ANSWER)
        assert session.judge(ANSWER).ruling == "allow"
        assert session.judge(msgspec.structs.replace(ANSWER, result={"answer": "hush!"})).ruling == "ask"

    def test_an_approval_does_not_lift_a_deny(self) -> None:
        """`block` is not negotiable."""
        session = Gate(law(rule("A-1", "block"))).session()
        session.approved(CALL)
        assert session.judge(CALL).ruling == "deny"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
@settings(max_examples=50)
def test_the_same_action_gets_the_same_findings(args: dict[str, Any]) -> None:
    """Deterministic to the byte, and in the order of the principles; whatever the arguments, there is a verdict."""
    action = action_of({"tool": {"name": "send"}, "args": args, "taint": {"": ["untrusted"]}})
    gates = [Gate(), Gate()]
    said = [msgspec.json.encode(gate.judge(action), order="sorted") for gate in gates]
    assert said[0] == said[1]
    assert [finding.principle for finding in gates[0].judge(action).findings][:3] == [
        "BASE-001",
        "BASE-003",
        "BASE-004",
    ]


def test_findings_are_plain_data() -> None:
    """A verdict goes to the journal and comes back equal."""
    verdict = Gate(law(rule("A-1"))).judge(CALL)
    assert msgspec.convert(msgspec.to_builtins(verdict), Verdict) == verdict
    assert isinstance(verdict.findings[0], Finding)
