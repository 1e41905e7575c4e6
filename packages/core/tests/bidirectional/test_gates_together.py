"""Several gates over one effect: the strictest wins, whatever the order, and judges are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core.bidirectional import Effect, Machine
from lev_os.core.constitutional import Check, Constitution, Gate, Principle
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from machines import card, drive
from machines import machine as one_tool
from msgspec import structs

HEAD = (
    "constitution: 1\nname: {name}\nprinciples:\n  - id: {id}\n    statement: {name} says no.\n    on_violation: {on}\n"
)
TESTS = "    tests: {violates: [{result: b}, {result: bb}], complies: [{result: a}, {result: ''}]}\n"


def regex(name: str, on: str, mode: str = "enforce") -> Constitution:
    """Objects to a `b` in a result."""
    text = HEAD.format(name=name, id="T-001", on=on).replace("principles", f"mode: {mode}\nprinciples")
    return Constitution.parse(text + "    scope: {phase: [post]}\n    checks: [{regex: b}]\n" + TESTS)


def judge(name: str) -> Constitution:
    """Asks a judge about what a model is asked."""
    text = HEAD.format(name=name, id="T-001", on="block")
    rest = f"    scope: {{phase: [pre]}}\n    judge: {{rubric: Is it {name}?}}\n"
    return Constitution.parse(text + rest + TESTS)


def machine(first: Constitution, second: Constitution) -> Machine:
    """A machine whose flow obeys two gates, one given and one of its package."""
    linked = Flow.parse(
        'flowmind: 1\nname: t\ninput: {}\nsteps:\n  - {id: a, ask: Say.}\n  - {return: "${a}"}\n'
    ).link()
    fields: dict[str, Any] = {name: getattr(linked, name) for name in linked.__dataclass_fields__}
    both = LinkedFlow(**(fields | {"package": "p", "constitutions": (second,)}))
    return Machine(both, gate=Gate(first), run="r", secret=b"s")


@pytest.mark.parametrize("order", [("revise", "block"), ("block", "revise")])
def test_a_model_may_not_mend_what_one_gate_blocks(order: tuple[str, str]) -> None:
    """`revise` of one constitution does not soften the `block` of another."""
    m = machine(regex("one", order[0]), regex("other", order[1]))
    m.submit(m.start().effects[0].token, {"answer": "b"})
    assert m.outcome is not None
    assert m.outcome.status == "denied"


def test_a_model_may_mend_what_every_denying_gate_lets_it_mend() -> None:
    """It hears the reasons of both, and a better answer passes."""
    m = machine(regex("one", "revise"), regex("other", "revise"))
    step = m.submit(m.start().effects[0].token, {"answer": "b"})
    assert "one says no" in step.effects[0].problems[0]
    assert "other says no" in step.effects[0].problems[0]
    assert drive(m, step, lambda effect: {"answer": "a"}).outcome is not None


def test_what_a_shadow_would_have_said_is_recorded_beside_another_gate() -> None:
    """The stricter ruling of the shadow does not get lost among several gates."""
    m = machine(regex("shadow", "block", "shadow"), regex("other", "warn"))
    step = m.submit(m.start().effects[0].token, {"answer": "b"})
    (verdict,) = [record.body for record in step.records if record.type == "verdict"]
    assert (verdict["ruling"], verdict["shadow"]) == ("warn", "deny")


def test_judges_of_principles_with_one_name_have_keys_of_their_own() -> None:
    """Two constitutions may use one id; their questions are two effects."""
    m = machine(judge("one"), judge("other"))
    asked: list[Effect] = []

    def answer(effect: Effect) -> Any:
        asked.append(effect)
        return {"label": "complies", "decided_by": "t"} if effect.kind == "judge" else {"answer": "a"}

    drive(m, m.start(), answer)
    assert [effect.request.get("statement") for effect in asked] == ["Is it one?", "Is it other?", None]
    assert len({effect.key for effect in asked}) == 3


def test_what_is_denied_anyway_is_shown_to_no_judge() -> None:
    """A deterministic deny of one gate comes before the judge of another."""
    denies = Constitution.parse(
        HEAD.format(name="no", id="T-002", on="block")
        + "    scope: {phase: [pre]}\n    checks: [{regex: Say}]\n"
        + TESTS
    )
    m = machine(judge("one"), denies)
    assert m.start().effects == ()
    assert m.outcome is not None
    assert m.outcome.status == "denied"


@pytest.mark.parametrize("on", ["block", "escalate"])
def test_a_principle_that_nobody_can_judge_denies(on: str) -> None:
    """No judge and a model that is unsure: fail closed, even where a violation would only be asked about."""
    text = (
        HEAD.format(name="one", id="T-001", on=on) + "    scope: {phase: [pre]}\n    judge: {rubric: Is it?}\n" + TESTS
    )
    m = machine(Constitution.parse(text), regex("other", "warn"))
    drive(m, m.start(), lambda effect: None if effect.kind == "judge" else {"answer": {"answer": "unsure"}})
    assert m.outcome is not None
    assert m.outcome.status == "denied"


def test_a_judgement_is_reused_only_for_the_very_same_question() -> None:
    """A bolder threshold does not inherit what a laxer one was content with."""
    steps = "".join(
        f"  - {{id: {name}, if_semantic: angry, about: hi, confidence: {bound}, then: [], else: [], uncertain: []}}\n"
        for name, bound in (("a", 0.5), ("b", 0.9), ("c", 0.5))
    )
    linked = Flow.parse(f"flowmind: 1\nname: t\ninput: {{}}\nsteps:\n{steps}").link()
    m = Machine(linked, run="r", secret=b"s")
    asked: list[tuple[str, str]] = []

    def answer(effect: Effect) -> Any:
        asked.append((effect.kind, effect.request["step"]))
        if effect.kind == "model":
            return {"answer": {"answer": "unsure"}}
        return {"label": "yes", "confidence": 0.6, "calibrated": True, "decided_by": "t"}

    drive(m, m.start(), answer)
    assert asked == [("judge", "a"), ("judge", "b"), ("model", "b")]
    assert [decision.label for decision in m.decisions] == ["yes", "uncertain"]


def test_effects_keep_their_digest_while_a_person_thinks() -> None:
    """What leaves after an approval is what the person was shown."""
    m = machine(
        Constitution.parse(
            HEAD.format(name="one", id="T-001", on="escalate")
            + "    scope: {phase: [pre]}\n    checks: [{regex: {pattern: Say, fields: [instruction]}}]\n"
            + TESTS
        ),
        regex("other", "warn"),
    )
    (wait,) = m.start().effects
    (effect,) = m.submit(wait.token, {"approved": True}).effects
    assert effect.digest == wait.request["for"]["digest"]
    assert m.submit(wait.token, {"approved": True}).reply == "duplicate"
    assert m.submit(wait.token, {"approved": False}).reply == "conflict"
    assert structs.replace(effect, token="") in [structs.replace(e, token="") for e in m.effects]


def asking_first(*others: Principle) -> Machine:
    """A machine whose only tool needs a person, under these principles too."""
    first = Principle(
        id="T-ASK", statement="Ask.", checks=(Check(kind="forbid_tool", argument=["pure"]),), on_violation="escalate"
    )
    gate = Gate(Constitution.of((first, *others), name="law"))
    return one_tool("  - {id: a, call: ./tools/pure, with: {text: hush}}\n", tools=(card("pure"),), gate=gate)


def test_a_person_is_not_shown_what_may_not_leave() -> None:
    """The question about an approval meets the gate itself: a deny keeps it from the person, and says why."""
    hush = Principle(
        id="T-HUSH", statement="Hush.", checks=(Check(kind="regex", argument="hush"),), phases=frozenset({"pre"})
    )
    outcome = asking_first(hush).start().outcome
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.status, outcome.error.kind, outcome.error.step) == ("denied", "denied", "a")
    assert outcome.error.message.startswith("T-HUSH: Hush: `request.for.request.arguments.text` has it")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"approved": False}, "a person refused it"),
        ({"approved": False, "note": "too much"}, "a person refused it: too much"),
    ],
)
def test_a_refusal_says_who_refused_and_why(answer: dict[str, Any], said: str) -> None:
    """The person's note, and the principles that had asked."""
    m = asking_first()
    outcome = m.submit(m.start().effects[0].token, answer).outcome
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.error.message, outcome.error.step) == (said, "a")
    assert outcome.error.details == ["T-ASK: Ask: `acme/tools/pure` may not be called"]


def test_a_denial_says_all_of_it() -> None:
    """Every principle that denies, with the way out where there is one, and none that only warns."""
    rules = tuple(
        Principle(id=f"T-{on}", statement="No.", checks=(Check(kind=kind, argument=argument),), on_violation=on)
        for kind, argument, on in (
            ("regex", "hush", "block"),
            ("forbid_tool", {"effects": ["undeclared"]}, "block"),
            ("regex", "h", "warn"),
        )
    )
    gate = Gate(Constitution.of(rules, name="law"))
    tools = (card("pure", declared=False),)
    outcome = one_tool("  - {call: ./tools/pure, with: {text: hush}}\n", tools=tools, gate=gate).start().outcome
    assert outcome is not None
    assert outcome.error is not None
    first, second = outcome.error.message.split("; T-block: ")
    assert first == "T-block: No: `args.text` has it at characters 0 to 4"
    assert second.startswith("No: `acme/tools/pure` declares no effects (write `@tool(")
