"""What single steps do and say at run time: choices, loops, sub-flows, limits, and values that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from driving import Told, flow, open_gate
from lev_os.core import InvalidInput
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


# --- what failures say, and of which step


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{if: input.v, then: []}", "`input.v` gives a list, not true or false"),
        ("{for_each: i in input.v.size() == 1, do: []}", "`input.v.size() == 1` gives true or false, not a list"),
        ("{for_each: i in input.v.size(), do: []}", "`input.v.size()` gives a number, not a list"),
        ('{for_each: "i in input.v[0]", do: []}', "`input.v[0]` gives a string, not a list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(step: str, said: str) -> None:
    """In words, with the expression; another attempt would come to the same."""
    found = failure(f"  - {step}\n", {"v": ["x"]})
    assert (found.kind, found.message, found.retryable) == ("expression", said, False)


def test_a_loop_takes_ten_thousand_items_and_no_more() -> None:
    """The last that fits fits."""
    loop = "  - {id: n, for_each: i in input.v, do: [], collect: 1}\n  - {return: '${n.size()}'}\n"
    assert run_of(loop, {"v": [0] * 10_000}) == 10_000
    found = failure(loop, {"v": [0] * 10_001})
    assert (found.kind, found.step, found.retryable) == ("expression", "n", False)
    assert "has 10001 items; a loop takes at most 10000" in found.message


@pytest.mark.parametrize(
    "step",
    [
        '{id: s, set: {x: "${input.v.missing}"}}',
        '{id: s, ask: "${input.v.missing}"}',
        '{id: s, ask: x, about: "${input.v.missing}"}',
        '{id: s, wait: x, about: "${input.v.missing}"}',
        '{id: s, if_semantic: "${input.v.missing}", about: x, then: [], uncertain: []}',
        '{id: s, if_semantic: x, about: "${input.v.missing}", then: [], uncertain: []}',
        "{id: s, if: input.v.missing, then: []}",
        "{id: s, switch: input.v.missing, cases: {a: []}}",
        "{id: s, for_each: i in input.v.missing, do: []}",
        "{id: s, for_each: 'i in [1]', where: input.v.missing, do: []}",
        '{id: s, for_each: "i in [1]", do: [], collect: "${input.v.missing}"}',
        "{id: s, while: input.v.missing, max_iterations: 1, do: []}",
        '{id: s, flow: ./flows/inner, with: {v: "${input.v.missing}"}}',
    ],
)
def test_an_expression_that_fails_names_its_step(step: str) -> None:
    """Wherever in the step it stands."""
    inner = "flowmind: 1\nname: inner\ninput: {v: any}\nsteps: [{return: 1}]\n"
    found = failure(f"  - {step}\n", {"v": {}}, inner=inner)
    assert (found.kind, found.step, found.retryable) == ("expression", "s", False)


def test_a_sub_flow_that_fails_is_a_failure_of_its_step() -> None:
    """With what happened inside as details; an input that does not fit is the caller's failure too."""
    inner = "flowmind: 1\nname: inner\ninput: {a: integer, b: integer}\nsteps:\n  - {id: deep, if: input.a, then: []}\n"
    found = failure("  - {id: sub, flow: ./flows/inner, with: {a: 1, b: 2}}\n", inner=inner)
    assert (found.kind, found.step, found.retryable) == ("flow", "sub", False)
    assert found.message == "./flows/inner: `input.a` gives a number, not true or false"
    assert found.details == {"kind": "expression", "step": "deep", "details": None}
    strings = "  - {id: sub, flow: ./flows/inner, with: {a: \"${'x'}\", b: \"${'y'}\"}}\n"
    found = failure(strings, inner=inner)
    assert (found.kind, found.step, found.retryable) == ("flow", "sub", False)
    assert found.message.startswith("the input of ./flows/inner does not fit: /a: ")
    assert "; /b: " in found.message


def test_a_branch_that_needs_nothing_wins_before_the_others_begin() -> None:
    """Of two races at once, the losers ask for nothing, and both winners go on."""
    race = "{p%s: [{id: w%s, parallel: {a: [{set: {x: 1}}], b: [{ask: Never.}]}, wait_for: any}, {ask: Then.}]}"
    branches = "".join(f"      p{n}: {(race % (n, n))[5:-1]}\n" for n in (1, 2))
    program = flow(f"  - parallel:\n{branches}  - return: done\n")
    machine = Machine(program, gate=open_gate(), run="r", secret=b"s")
    asked = machine.start({}).effects
    assert [effect.request["instruction"] for effect in asked] == ["Then.", "Then."]
    for effect in asked:
        machine.submit(effect.token, {"answer": "so"})
    assert machine.outcome is not None
    assert machine.outcome.output == "done"


def test_a_race_inside_a_race_is_dropped_with_it() -> None:
    """What waits deep inside a branch that has lost is dropped; nothing else is."""
    inner = "[{parallel: {a: [{id: a, ask: A.}], b: [{id: b, ask: B.}]}}]"
    program = flow(f"  - parallel: {{deep: {inner}, plain: [{{id: c, ask: C.}}]}}\n    wait_for: any\n  - return: 1\n")
    machine = Machine(program, gate=open_gate(), run="r", secret=b"s")
    step = machine.start({})
    a, b, c = sorted(step.effects, key=lambda effect: effect.request["step"])
    done = machine.submit(c.token, {"answer": "so"})
    assert set(done.cancelled) == {a.token, b.token}
    assert machine.outcome is not None
    late = machine.submit(a.token, {"answer": "late"})
    assert (late.reply, late.outcome, late.effects) == ("late", machine.outcome, ())
    again = machine.submit(a.token, {"answer": "late"})
    assert (again.reply, again.records) == ("duplicate", ())
    assert machine.submit(a.token, {"answer": "other"}).reply == "conflict"


def test_a_failure_is_told_once() -> None:
    """The same again is a duplicate with the same answer, another a conflict; nothing is written for either."""
    machine = Machine(flow("  - {id: a, ask: A., retry: {attempts: 2}}\n"), gate=open_gate(), run="r", secret=b"s")
    (effect,) = machine.start({}).effects
    first = machine.fail(effect.token, ValueError("no"))
    again = machine.fail(effect.token, ValueError("no"))
    assert (again.reply, again.records, again.effects) == ("duplicate", (), first.effects)
    assert machine.fail(effect.token, ValueError("yes")).reply == "conflict"
    assert machine.fail(effect.token, ValueError()).reply == "conflict"
    ended = machine.fail(first.effects[0].token, ValueError())
    assert ended.outcome is not None
    assert ended.outcome.error is not None
    assert (ended.outcome.error.kind, ended.outcome.error.message) == ("model", "ValueError")


def test_an_input_that_does_not_fit_is_told_what_there_is() -> None:
    """The names, or that there are none."""
    with pytest.raises(InvalidInput, match="this flow takes no input"):
        run_sync(flow("  - return: 1\n"), {"x": 1})
    with pytest.raises(InvalidInput, match=r"this flow takes a, b \(optional\)"):
        run_sync(flow("  - return: 1\n", "{a: string, b: {type: string, optional: true}}"), {"c": 1})


def test_a_run_is_cancelled_at_its_moment() -> None:
    """With the reason, or none of its own; time runs up to it."""
    machine = Machine(flow("  - {ask: A.}\n"), gate=open_gate(), run="r", secret=b"s")
    machine.start({}, at=5.0)
    step = machine.cancel(at=9.0)
    assert [record.at for record in step.records if record.type == "cancel"] == [9.0]
    assert step.outcome is not None
    assert step.outcome.error is not None
    assert step.outcome.error.message == "cancelled"


@pytest.mark.parametrize(("attempts", "said"), [(1, "1 attempt: "), (2, "2 attempts: ")])
def test_how_often_it_was_tried_is_said(attempts: int, said: str) -> None:
    """Once, or how many times; five reasons at most."""
    returns = "{" + ", ".join(f"f{number}: string" for number in range(7)) + "}"
    steps = f"  - {{id: a, ask: A., returns: {returns}, retry: {{attempts: {attempts}}}}}\n"
    found = failure(steps, model=lambda request: {"answer": {}})
    assert found.message.startswith(f"no valid result after {said}")
    assert found.message.count("; ") == 4


# --- time, late results, and what is bound


def test_a_late_result_is_written_down_whole() -> None:
    """What came back for an effect that was dropped, a value or a failure, is in the journal."""
    text = "  - {parallel: {a: [{ask: A.}], b: [{ask: B.}], c: [{ask: C.}]}, wait_for: any}\n"
    machine = Machine(flow(text), gate=open_gate(), run="r", secret=b"s")
    first, second, third = machine.start({}).effects
    machine.submit(first.token, {"answer": "so"})
    (record,) = machine.submit(second.token, {"answer": "late"}).records
    assert (record.type, record.body) == ("late", {"value": {"answer": "late"}})
    (record,) = machine.fail(third.token, ValueError("no")).records
    assert (record.type, record.body["failure"]["kind"], record.body["failure"]["message"]) == ("late", "model", "no")


def test_a_person_may_take_longer_than_the_run_may_work() -> None:
    """Time stands still while a person is waited for, so no deadline comes of it; a wait's own timeout is one."""
    text = "flowmind: 1\nname: t\ninput: {}\nlimits: {time: 10s}\nsteps:\n"
    machine = Machine(Flow.parse(text + "  - {wait: w}\n").link(), gate=open_gate(), run="r", secret=b"s")
    assert machine.start({}, at=0.0).effects[0].deadline is None
    machine = Machine(Flow.parse(text + "  - {wait: w, timeout: 60s}\n").link(), gate=open_gate(), run="r", secret=b"s")
    assert machine.start({}, at=0.0).effects[0].deadline == 60.0


def test_without_a_clock_every_input_is_a_tick_unless_it_has_a_time() -> None:
    """Records stay in order, and a driver may still say when something was."""
    machine = Machine(flow("  - {ask: A.}\n  - {ask: B.}\n"), gate=open_gate(), run="r", secret=b"s")
    (first,) = machine.start({}).effects
    step = machine.submit(first.token, {"answer": "so"}, at=7.0)
    assert {record.at for record in step.records} == {7.0}
    step = machine.submit(step.effects[0].token, {"answer": "so"})
    assert {record.at for record in step.records} == {8.0}


def test_an_answer_is_bound_as_its_schema_reads_it() -> None:
    """A number is a double, whatever the model has written; a default is filled in."""
    steps = "  - {id: a, ask: A., returns: {n: number, s: {type: string, default: so}}}\n  - {return: '${a}'}\n"
    found = run_of(steps, model=lambda request: {"answer": {"n": 1}})
    assert found == {"n": 1.0, "s": "so"}
    assert isinstance(found["n"], float)


def test_a_model_that_only_calls_tools_comes_to_an_end() -> None:
    """The step fails as a model's failure, and another attempt would end the same way."""
    card = ToolCard(specifier="t", name="t", input_schema={}, declaration=ToolDeclaration(effects=NONE))
    program = Flow.parse("flowmind: 1\nname: t\ninput: {}\nsteps:\n  - {id: a, ask: A., tools: [./tools/t]}\n")
    machine = Machine(program.link(tools={"./tools/t": card}), gate=open_gate(), run="r", secret=b"s")
    machine.start({})
    while machine.outcome is None:
        (effect,) = machine.effects
        machine.submit(effect.token, {"tool_calls": [{"tool": "t"}]} if effect.kind == "model" else 1)
    assert machine.outcome.error is not None
    assert (machine.outcome.error.kind, machine.outcome.error.step) == ("model", "a")
    assert machine.outcome.error.message == "the model has called tools 25 times without answering"
    assert not machine.outcome.error.retryable
