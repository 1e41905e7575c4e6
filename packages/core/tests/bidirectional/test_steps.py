"""What single steps do and say at run time: choices, loops, sub-flows, limits, and values that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from driving import Told, flow, open_gate
from lev_os.core.bidirectional import Failure, Machine, run_sync
from lev_os.core.bidirectional._answers import accept_approval, accept_judgement, accept_verdict_of_model, fitted
from lev_os.core.bidirectional._scope import Scope
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedContext, LinkedFlow
from lev_os.core.schemas import Schema
from lev_os.core.tools import ToolCard, ToolDeclaration

NONE: frozenset[str] = frozenset()


def linked(steps: str, input: str = "{}", *, context: str | None = None, **flows: str) -> LinkedFlow:
    """A flow whose `./flows/<name>` are these texts, and whose asks see one context over the parameter `n`."""
    parts = {f"./flows/{name}": Flow.parse(text).link() for name, text in flows.items()}
    tree = flow(steps, input).tree
    contexts = {"./contexts/c": LinkedContext("acme/contexts/c", context, "", ("n",))} if context else {}
    base = flow("  - return: null\n").link()
    return replace(base, tree=tree, flows=parts, contexts=contexts)


def run_of(steps: str, given: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """The output, or the failure."""
    model = options.pop("model", None)
    fields = {str: "string", int: "integer", list: "array", dict: "object"}
    input = "{" + ", ".join(f"{name}: {fields[type(value)]}" for name, value in (given or {}).items()) + "}"
    result = run_sync(linked(steps, input, **options), dict(given or {}), model=model, gate=open_gate())
    return result.error if result.error is not None else result.output


def failure(steps: str, given: Mapping[str, Any] | None = None, **options: Any) -> Failure:
    found = run_of(steps, given, **options)
    assert isinstance(found, Failure), found
    return found


# --- choices and loops


@pytest.mark.parametrize(("value", "taken"), [("a", 1), ("1", 2), ("else", 3)])
def test_switch_takes_the_case_of_that_name(value: str, taken: int) -> None:
    """Any other value takes the default."""
    steps = """
  - switch: input.v
    cases:
      a: [{set: {x: 1}}]
      "1": [{set: {x: 2}}]
    default: [{set: {x: 3}}]
  - return: "${x}"
"""
    assert run_of("  - set: {x: 0}\n" + steps, {"v": value}) == taken


def test_switch_on_a_number_compares_its_text() -> None:
    """`1` takes the case `"1"`."""
    steps = '  - set: {x: 0}\n  - switch: input.v\n    cases: {"1": [{set: {x: 2}}]}\n  - return: "${x}"\n'
    assert run_of(steps, {"v": 1}) == 2


def test_while_stops_when_its_test_fails_or_its_rounds_are_over() -> None:
    """Its id holds the number of rounds."""
    steps = """
  - set: {n: 0}
  - id: rounds
    while: n < input.most
    max_iterations: 5
    do: [{set: {n: "${n + 1}"}}]
  - return: ["${rounds}", "${n}"]
"""
    assert run_of(steps, {"most": 3}) == [3, 3]
    assert run_of(steps, {"most": 30}) == [5, 5]


def test_for_each_takes_only_what_fits_its_condition() -> None:
    """In input order; `collect` says what of each is kept."""
    steps = """
  - id: all
    for_each: i in input.v
    where: i > 1
    collect: "${i * 2}"
    do: []
  - return: "${all}"
"""
    assert run_of(steps, {"v": [3, 1, 2]}) == [6, 4]


@pytest.mark.parametrize(
    ("steps", "given", "message"),
    [
        ("  - if: input.v.x\n    then: []\n", {"v": {"x": 1}}, "`input.v.x` gives a number, not true or false"),
        ("  - if: input.v.x\n    then: []\n", {"v": {"x": "a"}}, "`input.v.x` gives a string, not true or false"),
        ("  - if: input.v.x\n    then: []\n", {"v": {"x": None}}, "`input.v.x` gives null, not true or false"),
        ("  - for_each: i in input.v.x\n    do: []\n", {"v": {"x": {}}}, "`input.v.x` gives an object, not a list"),
        ("  - for_each: i in input.v\n    do: []\n", {"v": [0] * 100_001}, "`input.v` has 100001 items"),
        ("  - while: 1 / input.v > 0\n    max_iterations: 2\n    do: []\n", {"v": 0}, "ivi"),
    ],
)
def test_an_expression_that_gives_the_wrong_thing(steps: str, given: dict[str, Any], message: str) -> None:
    """The failure names the expression, what it gave, and the step."""
    found = failure(steps, given)
    assert found.kind == "expression"
    assert message in found.message
    assert found.step == "steps/0"


# --- sub-flows

HALF = "flowmind: 1\nname: half\ninput: {n: integer}\noutput: {half: number}\nsteps:\n"


def test_a_sub_flow_gets_its_input_and_gives_its_output() -> None:
    """The output is fitted to the schema: a whole number becomes a fraction's type."""
    inner = HALF + '  - return: {half: "${input.n}"}\n'
    steps = '  - id: h\n    flow: ./flows/half\n    with: {n: "${input.n}"}\n  - return: "${h.half / 2.0}"\n'
    assert run_of(steps, {"n": 3}, half=inner) == 1.5


def test_a_sub_flow_whose_input_does_not_fit() -> None:
    """Its failure can be caught, and says which flow and which field."""
    inner = HALF + "  - return: {half: 1}\n"
    steps = '  - flow: ./flows/half\n    with: {n: "${input.v}"}\n'
    found = failure(steps, {"v": "x"}, half=inner)
    assert found.kind == "flow"
    assert "the input of ./flows/half does not fit: /n" in found.message


def test_a_sub_flow_that_fails() -> None:
    """What went wrong inside is in the message and the details; its own output is checked too."""
    inner = HALF + '  - return: {half: "${string(input.n)}"}\n'
    found = failure('  - flow: ./flows/half\n    with: {n: "${input.n}"}\n', {"n": 1}, half=inner)
    assert found.kind == "flow"
    assert found.message.startswith("./flows/half: the output does not fit: /half")
    assert found.details["kind"] == "invalid"


# --- contexts


def test_a_context_that_cannot_be_filled_in() -> None:
    """An expression in it that fails, fails the ask."""
    found = failure(
        '  - set: {n: "${input.n}"}\n  - ask: hi\n    context: [./contexts/c]\n',
        {"n": 0},
        context="one ${1 / n}\n",
        model=Told(lambda request: "ok"),
    )
    assert (found.kind, found.step) == ("expression", "steps/1")


# --- limits


def big_tool() -> ToolCard:
    return ToolCard(specifier="t", name="t", declaration=ToolDeclaration(effects=NONE))


def test_values_that_are_small_alone_and_too_large_together() -> None:
    """Nine values of a little under 1 MiB end the run: a scope holds 8 MiB."""
    steps = "".join(f"  - {{id: v{n}, call: ./tools/t, with: {{}}}}\n" for n in range(10))
    machine = Machine(flow(steps).link(tools={"./tools/t": big_tool()}), gate=open_gate(), run="r", secret=b"s")
    step = machine.start({})
    rounds = 0
    while step.outcome is None:
        rounds += 1
        step = machine.submit(step.effects[0].token, "x" * 1_000_000)
    assert rounds == 9
    assert step.outcome.error is not None
    assert step.outcome.error.kind == "limit"
    assert "the limit of one scope" in step.outcome.error.message


def test_results_that_are_too_large_when_joined() -> None:
    """The limit of one value holds for what `parallel` binds, too."""
    steps = "  - id: both\n    parallel:\n      a: [{id: v, call: ./tools/t}]\n      b: [{id: v, call: ./tools/t}]\n"
    machine = Machine(flow(steps).link(tools={"./tools/t": big_tool()}), gate=open_gate(), run="r", secret=b"s")
    first, second = machine.start({}).effects
    machine.submit(first.token, "x" * 600_000)
    outcome = machine.submit(second.token, "x" * 600_000).outcome
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.kind == "limit"
    assert "the limit of one value" in outcome.error.message


def test_costs_add_up_over_sub_flows() -> None:
    """What a model says it costs is summed in every flow above."""
    inner = "flowmind: 1\nname: inner\nsteps:\n  - ask: hi\n"
    model = Told(lambda r: {"answer": "x", "usage": {"input_tokens": 2, "output_tokens": 1, "cost": 0.25}})
    result = run_sync(
        linked("  - flow: ./flows/inner\n  - flow: ./flows/inner\n", inner=inner), {}, model=model, gate=open_gate()
    )
    assert (result.usage.cost, result.usage.input_tokens, result.usage.output_tokens) == (0.5, 4, 2)


# --- scopes


def test_a_scope_is_a_mapping_of_what_can_be_seen() -> None:
    """Inner names hide outer ones; a name that is not bound is null, as is the id of a skipped step."""
    outer = Scope()
    outer.bind("a", 1, NONE, 1)
    outer.bind("b", 2, frozenset({"untrusted"}), 1)
    inner = Scope(outer)
    inner.bind("a", 3, NONE, 1)
    assert dict(inner) == {"a": 3, "b": 2}
    assert (len(inner), inner["c"], "c" in inner) == (2, None, True)
    assert inner.bytes() == 1


# --- answers


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ({"approved": True}, {"approved": True}),
        ({"approved": False, "note": "no", "more": 1}, {"approved": False, "note": "no"}),
        ({"approved": True, "note": None}, {"approved": True}),
        ({"approved": "yes"}, None),
        ({"approved": True, "note": 1}, None),
        ("yes", None),
    ],
)
def test_approvals(value: Any, accepted: Any) -> None:
    """True or false, and maybe a note; nothing else is taken for a yes."""
    problems, found = accept_approval(value)
    assert found == accepted
    assert bool(problems) is (accepted is None)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("yes", "yes"),
        (None, None),
        ({"holds": True}, "yes"),
        ({"holds": False, "confidence": 1}, "no"),
        ({"holds": None}, None),
        ({"label": "no", "confidence": 0.5}, "no"),
        (1, ValueError),
        ("maybe", ValueError),
        ({"label": []}, ValueError),
        ({"holds": []}, ValueError),
        ({"holds": "yes"}, ValueError),
        ({"label": "yes", "confidence": 2}, ValueError),
        ({"label": "yes", "confidence": True}, ValueError),
        ({"label": "yes", "confidence": "high"}, ValueError),
    ],
)
def test_judgements(value: Any, label: Any) -> None:
    """A label, or whether it holds; anything else is refused with words."""
    problems, found = accept_judgement(("yes", "no"))(value)
    if label is ValueError:
        assert problems
        assert found is None
    else:
        assert (problems, found["label"]) == ((), label)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"answer": "yes"}, {"answer": "yes"}),
        ({"answer": {"answer": "unsure", "evidence": "e"}}, {"answer": "unsure", "evidence": "e"}),
        ({"answer": "perhaps"}, None),
        ({"answer": 1}, None),
        ("yes", None),
    ],
)
def test_what_a_model_judges(value: Any, answer: Any) -> None:
    """One of the labels or `unsure`, alone or with evidence."""
    problems, found = accept_verdict_of_model(("yes", "no"))(value)
    assert bool(problems) is (answer is None)
    assert answer is None or found["answer"] == answer


def test_an_integer_beyond_64_bits_does_not_fit() -> None:
    """JSON Schema would take it; CEL cannot hold it."""
    problems, _ = fitted(Schema.of({"type": "integer"}), 1 << 63)
    assert problems
    assert fitted(Schema.of({"type": "number"}), 2) == ((), 2.0)
