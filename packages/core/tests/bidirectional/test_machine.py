"""The rules of the machine, one test a rule; docs/machine.md says the same in prose."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core import InvalidInput, LevError
from lev_os.core.bidirectional import Effect, Failure, Machine, UnknownToken
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow
from machines import card, drive, machine, open_gate

ADD = card("add")
ASK = '  - {id: a, ask: Say a word.}\n  - {return: "${a}"}\n'


def types(step: Any) -> list[str]:
    return [record.type for record in step.records]


def test_a_flow_of_plain_steps_ends_at_once() -> None:
    """`set`, `if` and `return` need nobody."""
    m = machine('  - set: {x: 2}\n  - if: "x > 1"\n    then: [{return: "${x}"}]\n')
    step = m.start()
    assert step.outcome is not None
    assert (step.outcome.status, step.outcome.output) == ("done", 2)
    assert step.effects == ()


def test_an_ask_is_a_model_effect_and_its_answer_is_bound() -> None:
    """The request says what to do; the answer is the step's value."""
    m = machine(ASK)
    (effect,) = m.start().effects
    assert effect.kind == "model"
    assert effect.request["instruction"] == "Say a word."
    step = m.submit(effect.token, {"answer": "cat"})
    assert step.outcome is not None
    assert step.outcome.output == "cat"


def test_the_same_token_and_result_get_the_same_reply_and_no_new_record() -> None:
    """A host may repeat itself after a lost connection."""
    m = machine("  - {id: a, ask: One.}\n  - {id: b, ask: Two.}\n")
    (first,) = m.start().effects
    step = m.submit(first.token, {"answer": "x"})
    again = m.submit(first.token, {"answer": "x"})
    assert again.effects == step.effects
    assert (again.reply, again.records) == ("duplicate", ())


def test_the_same_token_with_another_result_is_a_conflict() -> None:
    """The first result stands."""
    m = machine(ASK)
    (effect,) = m.start().effects
    m.submit(effect.token, {"answer": "cat"})
    step = m.submit(effect.token, {"answer": "dog"})
    assert step.reply == "conflict"
    assert m.outcome is not None
    assert m.outcome.output == "cat"


def test_an_unknown_token_is_refused() -> None:
    """Tokens cannot be guessed."""
    m = machine(ASK)
    m.start()
    with pytest.raises(UnknownToken):
        m.submit("0" * 32, {"answer": "x"})


def test_an_invalid_result_is_answered_with_reasons_and_the_next_token() -> None:
    """Three attempts by default; the key stays, the token changes."""
    m = machine('  - id: a\n    ask: Rate it.\n    returns: {score: number}\n  - {return: "${a.score}"}\n')
    (first,) = m.start().effects
    step = m.submit(first.token, {"answer": {"score": "high"}})
    (second,) = step.effects
    assert step.reply == "invalid"
    assert "score" in step.problems[0]
    assert second.key == first.key
    assert second.token != first.token
    assert second.attempt == 2
    assert second.request["problems"] == list(step.problems)
    assert m.submit(second.token, {"answer": {"score": 1}}).outcome.output == 1.0  # type: ignore[union-attr]


def test_three_invalid_results_fail_the_run() -> None:
    """With the reasons in the failure."""
    m = machine("  - id: a\n    ask: Rate it.\n    returns: {score: number}\n")
    step = drive(m, m.start(), lambda _: {"answer": "no"})
    assert step.outcome is not None
    assert step.outcome.status == "failed"
    assert step.outcome.error is not None
    assert step.outcome.error.kind == "invalid"


@pytest.mark.parametrize("garbage", [None, 1, "text", [], {}, {"answer": 1, "tool_calls": []}, {"tool_calls": []}])
def test_garbage_for_a_model_effect_is_invalid_and_never_an_exception(garbage: Any) -> None:
    """Whatever a model or host sends, the machine answers."""
    m = machine(ASK)
    (effect,) = m.start().effects
    assert m.submit(effect.token, garbage).reply == "invalid"


def test_a_result_that_is_not_json_is_refused_and_changes_nothing() -> None:
    """The effect stays open."""
    m = machine(ASK)
    (effect,) = m.start().effects
    with pytest.raises(LevError, match="not JSON"):
        m.submit(effect.token, {"answer": object()})
    assert m.effects == (effect,)


def test_input_that_does_not_fit_is_refused_before_anything_begins() -> None:
    """The error names the field and what the flow takes."""
    m = machine(ASK, head="input: {message: string}")
    with pytest.raises(InvalidInput, match="message"):
        m.start({"messag": "typo"})
    m.start({"message": "fine"})


def test_model_tool_calls_become_gated_effects_and_then_the_next_turn() -> None:
    """An ask is a sequence of effects, each with its own key."""
    m = machine('  - id: a\n    ask: Look it up.\n    tools: [./tools/add]\n  - {return: "${a}"}\n', tools=(ADD,))
    (model,) = m.start().effects
    assert [tool["name"] for tool in model.request["tools"]] == ["add"]
    calls = [{"tool": "add", "arguments": {"x": 1}}, {"tool": "./tools/add", "arguments": {"x": 2}}]
    tools = m.submit(model.token, {"tool_calls": calls}).effects
    assert [(t.kind, t.request["arguments"]) for t in tools] == [("tool", {"x": 1}), ("tool", {"x": 2})]
    assert len({t.key for t in tools}) == 2
    m.submit(tools[1].token, "two")
    (turn,) = m.submit(tools[0].token, "one").effects
    assert [r["value"] for r in turn.request["turns"][0]["results"]] == ["one", "two"]
    assert m.submit(turn.token, {"answer": "done"}).outcome.output == "done"  # type: ignore[union-attr]


def test_a_model_that_calls_an_unknown_tool_hears_which_exist() -> None:
    """It is an invalid result, not a failure."""
    m = machine("  - id: a\n    ask: Look.\n    tools: [./tools/add]\n", tools=(ADD,))
    (model,) = m.start().effects
    step = m.submit(model.token, {"tool_calls": [{"tool": "rm", "arguments": {}}]})
    assert step.reply == "invalid"
    assert "add" in step.problems[0]


def test_a_tool_that_fails_inside_an_ask_is_told_to_the_model() -> None:
    """The model may try another way."""
    m = machine("  - id: a\n    ask: Look.\n    tools: [./tools/add]\n", tools=(ADD,))
    (model,) = m.start().effects
    (tool,) = m.submit(model.token, {"tool_calls": [{"tool": "add"}]}).effects
    (turn,) = m.fail(tool.token, "boom").effects
    assert turn.request["turns"][0]["results"][0]["error"] == "boom"


def test_a_model_that_never_stops_calling_tools_is_stopped() -> None:
    """A bound on turns, whatever the limits say."""
    m = machine("  - id: a\n    ask: Look.\n    tools: [./tools/add]\n", tools=(ADD,))

    def answer(effect: Effect) -> Any:
        return {"tool_calls": [{"tool": "add"}]} if effect.kind == "model" else 1

    step = drive(m, m.start(), answer)
    assert step.outcome is not None
    assert "without answering" in step.outcome.error.message  # type: ignore[union-attr]


def test_retries_wait_longer_each_time_and_keep_the_key() -> None:
    """Backoff is a sleep effect; the machine owns it."""
    m = machine("  - id: a\n    call: ./tools/add\n    retry: {attempts: 3, backoff: 1s}\n", tools=(ADD,))
    (first,) = m.start().effects
    (sleep,) = m.fail(first.token, "down").effects
    assert (sleep.kind, sleep.request) == ("sleep", {"seconds": 1.0})
    (second,) = m.submit(sleep.token, None).effects
    assert (second.key, second.attempt) == (first.key, 2)
    (longer,) = m.fail(second.token, "down").effects
    assert longer.request == {"seconds": 2.0}
    (third,) = m.submit(longer.token, None).effects
    step = m.fail(third.token, "down")
    assert step.outcome is not None
    assert step.outcome.error is not None
    assert step.outcome.error.message == "down"


def test_catch_sees_a_tool_failure_as_error() -> None:
    """`error` holds kind, message and step."""
    m = machine('  - try: [{id: a, call: ./tools/add}]\n    catch: [{return: "${error}"}]\n', tools=(ADD,))
    (effect,) = m.start().effects
    step = m.fail(effect.token, "boom")
    assert step.outcome is not None
    assert step.outcome.output == {"kind": "tool", "message": "boom", "step": "a"}


@pytest.mark.parametrize("kind", ["limit", "denied"])
def test_catch_never_sees_a_limit_or_a_denial(kind: Any) -> None:
    """They end the run."""
    m = machine("  - try: [{id: a, call: ./tools/add}]\n    catch: [{return: caught}]\n", tools=(ADD,))
    (effect,) = m.start().effects
    step = m.fail(effect.token, Failure(kind=kind, message="no"))
    assert step.outcome is not None
    assert step.outcome.status == ("denied" if kind == "denied" else "failed")


def test_parallel_all_fails_with_the_first_failure_and_cancels_the_rest() -> None:
    """A join waits for all, and for none after a failure."""
    m = machine(
        "  - id: p\n    parallel:\n      one: [{id: a, call: ./tools/add}]\n      two: [{id: b, call: ./tools/add}]\n",
        tools=(ADD,),
    )
    one, two = m.start().effects
    step = m.fail(one.token, "boom")
    assert step.cancelled == (two.token,)
    assert step.outcome is not None
    assert step.outcome.status == "failed"
    late = m.submit(two.token, 1)
    assert late.reply == "late"
    assert types(late) == ["late"]


def test_parallel_any_takes_the_first_and_cancels_the_losers() -> None:
    """A loser's value is null."""
    m = machine(
        "  - id: p\n    parallel:\n      one: [{id: a, call: ./tools/add}]\n      two: [{id: b, call: ./tools/add}]\n"
        '    wait_for: any\n  - {return: "${p}"}\n',
        tools=(ADD,),
    )
    one, two = m.start().effects
    step = m.submit(two.token, 7)
    assert step.cancelled == (one.token,)
    assert step.outcome is not None
    assert step.outcome.output == {"one": None, "two": {"b": 7}}


def test_parallel_n_fails_when_n_is_out_of_reach() -> None:
    """Two of three fail: two can no longer be had."""
    branches = "".join(f"      b{i}: [{{id: x, call: ./tools/add}}]\n" for i in range(3))
    m = machine(f"  - id: p\n    parallel:\n{branches}    wait_for: 2\n", tools=(ADD,))
    a, b, c = m.start().effects
    assert m.fail(a.token, "one").outcome is None
    step = m.fail(c.token, "two")
    assert step.cancelled == (b.token,)
    assert step.outcome is not None
    assert step.outcome.error is not None
    assert step.outcome.error.message == "one"


def test_for_each_keeps_input_order_and_its_width() -> None:
    """Results come in any order; at most `max_concurrency` are open."""
    m = machine(
        "  - id: r\n    for_each: n in input.ns\n    max_concurrency: 2\n    where: n > 0\n"
        '    collect: "${d}"\n    do: [{id: d, call: ./tools/add, with: {n: "${n}"}}]\n  - {return: "${r}"}\n',
        tools=(ADD,),
        head="input: {ns: {type: array, items: integer}}",
    )
    first, second = m.start({"ns": [1, -5, 2, 3]}).effects
    (third,) = m.submit(second.token, "two").effects
    m.submit(third.token, "three")
    step = m.submit(first.token, "one")
    assert step.outcome is not None
    assert step.outcome.output == ["one", "two", "three"]


def test_for_each_of_nothing_is_an_empty_list() -> None:
    """No effect, no wait."""
    m = machine(
        '  - id: r\n    for_each: n in input.ns\n    do: [{id: d, call: ./tools/add}]\n  - {return: "${r}"}\n',
        tools=(ADD,),
        head="input: {ns: array}",
    )
    step = m.start({"ns": []})
    assert step.outcome is not None
    assert step.outcome.output == []


def test_while_is_bounded_and_each_round_has_its_own_key() -> None:
    """`max_iterations` ends it quietly."""
    m = machine(
        "  - set: {x: 0}\n  - while: x < 10\n    max_iterations: 3\n    do:\n"
        '      - {id: a, call: ./tools/add}\n      - set: {x: "${x + 1}"}\n  - {return: "${x}"}\n',
        tools=(ADD,),
    )
    keys = []

    def answer(effect: Effect) -> Any:
        keys.append(effect.key)
        return 1

    step = drive(m, m.start(), answer)
    assert step.outcome is not None
    assert step.outcome.output == 3
    assert len(set(keys)) == 3


JUDGED = """\
  - id: mood
    if_semantic: the customer is angry
    about: "${input.message}"
    confidence: 0.8
    then: [{return: angry}]
    else: [{return: calm}]
    uncertain: [{return: unclear}]
"""


@pytest.mark.parametrize(
    ("judged", "answer", "output"),
    [
        ({"label": "yes", "confidence": 0.9, "calibrated": True}, None, "angry"),
        ({"holds": False, "confidence": 0.9, "evidence": "thanks"}, None, "calm"),
        ({"label": "yes", "confidence": 0.5, "calibrated": True}, {"answer": "no"}, "calm"),
        ({"label": "yes", "confidence": 0.5}, None, "angry"),
        ({"label": None}, {"answer": "unsure"}, "unclear"),
        (RuntimeError("no judge"), {"answer": "yes"}, "angry"),
        ({"label": None}, RuntimeError("no model"), "unclear"),
    ],
    ids=["sure", "holds", "below the threshold", "uncalibrated", "nobody knows", "judge broken", "model broken"],
)
def test_a_condition_is_judged_in_tiers(judged: Any, answer: Any, output: str) -> None:
    """The judge, then a model; a threshold meets only a calibrated confidence; unsure goes to `uncertain`."""
    m = machine(JUDGED, head="input: {message: string}")

    def reply(effect: Effect) -> Any:
        if effect.kind == "judge":
            return judged
        return answer if isinstance(answer, Exception) else {"answer": answer}

    step = drive(m, m.start({"message": "hm"}), reply)
    assert step.outcome is not None
    assert step.outcome.output == output


def test_the_same_question_is_judged_once_a_run() -> None:
    """The run's own record is the first tier."""
    m = machine(
        JUDGED.replace("return: calm", "set: {c: 1}") + JUDGED.replace("mood", "again"), head="input: {message: string}"
    )
    (effect,) = m.start({"message": "ok"}).effects
    step = m.submit(effect.token, {"label": "no"})
    assert step.outcome is not None
    assert step.outcome.output == "calm"


def test_switch_semantic_binds_the_label_or_uncertain() -> None:
    """Labels are the case names."""
    steps = (
        "  - id: kind\n    switch_semantic: what is wanted\n    about: x\n    cases:\n"
        '      refund: {examples: [money back], then: [{return: "${kind}"}]}\n'
        '      other: [{return: "${kind}"}]\n    uncertain: [{return: "${kind}"}]\n'
    )
    m = machine(steps)
    (effect,) = m.start().effects
    assert effect.request["labels"] == ["refund", "other"]
    assert effect.request["examples"] == {"refund": ["money back"]}
    assert m.submit(effect.token, {"label": "refund"}).outcome.output == "refund"  # type: ignore[union-attr]


def test_a_wait_suspends_and_a_timeout_takes_its_branch() -> None:
    """Who waits is told by kind; the deadline is in the driver's clock."""
    steps = "  - id: w\n    wait: approval\n    about: hello\n    timeout: 2d\n    on_timeout: [{return: too late}]\n"
    m = machine(steps)
    (effect,) = m.start(at=100.0).effects
    assert (effect.kind, effect.deadline) == ("wait", 100.0 + 2 * 86400)
    step = m.fail(effect.token, Failure(kind="timeout", message="nobody came"), at=999999.0)
    assert step.outcome is not None
    assert step.outcome.output == "too late"


def test_an_invalid_answer_of_a_person_never_fails_the_run() -> None:
    """People may try again."""
    m = machine('  - id: w\n    wait: approval\n    returns: {approved: boolean}\n  - {return: "${w.approved}"}\n')
    step = m.start()
    for _ in range(5):
        (effect,) = m.effects
        assert m.submit(effect.token, {"approved": "perhaps"}).reply == "invalid"
    (effect,) = m.effects
    step = m.submit(effect.token, {"approved": True})
    assert step.outcome is not None
    assert step.outcome.output is True


@pytest.mark.parametrize(
    ("limits", "message"), [("{asks: 2}", "asks"), ("{tokens: 15}", "tokens"), ("{time: 10s}", "time")]
)
def test_a_limit_ends_the_run(limits: str, message: str) -> None:
    """Counts are reserved when an effect leaves, tokens charged after, time by the driver's clock."""
    m = machine("".join(f"  - {{id: a{i}, ask: Go.}}\n" for i in range(4)), head=f"input: {{}}\nlimits: {limits}")
    step = m.start(at=0.0)
    at = 0.0
    while step.outcome is None:
        at += 4.0
        usage = {"input_tokens": 5, "output_tokens": 5}
        step = m.submit(m.effects[0].token, {"answer": "x", "usage": usage}, at=at)
    assert step.outcome.error is not None
    assert step.outcome.error.kind == "limit"
    assert message in step.outcome.error.message


def test_time_stands_still_while_a_person_is_waited_for() -> None:
    """Two days of waiting do not use up ten seconds."""
    m = machine("  - {id: w, wait: approval}\n  - {id: a, ask: Go.}\n", head="input: {}\nlimits: {time: 10s}")
    (wait,) = m.start(at=0.0).effects
    (ask,) = m.submit(wait.token, {}, at=200_000.0).effects
    assert ask.deadline == 200_010.0
    step = m.submit(ask.token, {"answer": "x"}, at=200_001.0)
    assert step.outcome is not None
    assert step.outcome.status == "done"


def test_a_value_over_one_mebibyte_is_a_limit() -> None:
    """Large results become file references before they come here."""
    m = machine("  - {id: a, call: ./tools/add}\n", tools=(ADD,))
    (effect,) = m.start().effects
    step = m.submit(effect.token, "x" * (1 << 20))
    assert step.outcome is not None
    assert step.outcome.error is not None
    assert step.outcome.error.kind == "limit"


def test_the_clock_never_runs_backwards() -> None:
    """Records are stamped with the latest time seen."""
    m = machine("  - {id: a, ask: One.}\n  - {id: b, ask: Two.}\n")
    (first,) = m.start(at=50.0).effects
    step = m.submit(first.token, {"answer": "x"}, at=10.0)
    assert {record.at for record in step.records} == {50.0}


def test_cancel_drops_everything_and_is_said_once() -> None:
    """A run that has ended stays as it is."""
    m = machine("  - parallel:\n      one: [{ask: A.}]\n      two: [{ask: B.}]\n")
    one, two = m.start().effects
    step = m.cancel("enough")
    assert set(step.cancelled) == {one.token, two.token}
    assert step.outcome is not None
    assert (step.outcome.status, step.outcome.error.message) == ("cancelled", "enough")  # type: ignore[union-attr]
    assert m.cancel("again").outcome == step.outcome


def test_expressions_that_fail_at_run_time_name_step_and_reason() -> None:
    """A missing field is a failure of kind `expression`."""
    m = machine('  - {id: a, call: ./tools/add}\n  - set: {x: "${a.missing}"}\n', tools=(ADD,))
    (effect,) = m.start().effects
    step = m.submit(effect.token, {"there": 1})
    assert step.outcome is not None
    assert step.outcome.error is not None
    assert step.outcome.error.kind == "expression"
    assert "missing" in step.outcome.error.message


def test_integers_bound_for_a_number_compare_with_fractions() -> None:
    """`number` binds as a double, so that CEL's strict types do not bite."""
    m = machine('  - id: a\n    ask: Rate.\n    returns: {score: number}\n  - {return: "${a.score < 0.5}"}\n')
    (effect,) = m.start().effects
    assert m.submit(effect.token, {"answer": {"score": 0}}).outcome.output is True  # type: ignore[union-attr]


def test_keys_depend_on_run_and_place_only() -> None:
    """A resumed run repeats an effect with its key; another run has other keys."""
    linked = Flow.parse(f"flowmind: 1\nname: t\ninput: {{}}\nsteps:\n{ASK}").link()
    keys = [
        Machine(linked, run=run, secret=secret).start().effects[0].key
        for run, secret in (("r", b"1"), ("r", b"2"), ("s", b"1"))
    ]
    assert keys[0] == keys[1] != keys[2]


def gate_of(principle: str) -> Gate:
    tests = "{violates: [{}, {}], complies: [{}, {}]}"
    return Gate(
        Constitution.parse(
            f"constitution: 1\nname: c\nprinciples:\n  - id: C-1\n    statement: s\n{principle}    tests: {tests}\n"
        )
    )


def test_a_denied_effect_never_leaves() -> None:
    """The outcome names the principle."""
    m = machine(
        "  - {id: a, call: ./tools/add}\n",
        tools=(ADD,),
        gate=gate_of('    checks: [{forbid_tool: ["acme/tools/*"]}]\n'),
    )
    step = m.start()
    assert step.effects == ()
    assert step.outcome is not None
    assert step.outcome.status == "denied"
    assert "C-1" in step.outcome.error.message  # type: ignore[union-attr]


def test_an_ask_of_the_gate_waits_for_a_person_and_holds_for_one_digest() -> None:
    """Approved, the same effect leaves; refused, the run is denied."""

    def fresh() -> Machine:
        return machine(
            "  - {id: a, call: ./tools/add, with: {x: 1}}\n",
            tools=(ADD,),
            gate=gate_of('    on_violation: escalate\n    checks: [{forbid_tool: ["acme/tools/*"]}]\n'),
        )

    m = fresh()
    (wait,) = m.start().effects
    assert (wait.kind, wait.request["purpose"]) == ("wait", "approval")
    (tool,) = m.submit(wait.token, {"approved": True}).effects
    assert wait.request["for"]["digest"] == tool.digest
    m = fresh()
    (wait,) = m.start().effects
    step = m.submit(wait.token, {"approved": False, "note": "no"})
    assert step.outcome is not None
    assert step.outcome.status == "denied"


def test_taint_follows_values_through_a_model_to_an_outside_write() -> None:
    """The baseline asks a person before outside content is written outside."""
    read, send = card("read", "ingests_untrusted"), card("send", "writes_external")
    m = machine(
        "  - {id: page, call: ./tools/read}\n"
        '  - {id: note, ask: Sum up., about: "${page}"}\n'
        '  - {id: out, call: ./tools/send, with: {text: "${note}"}}\n',
        tools=(read, send),
        gate=Gate(),
    )
    (tool,) = m.start().effects
    (ask,) = m.submit(tool.token, "text").effects
    (wait,) = m.submit(ask.token, {"answer": "sum"}).effects
    assert wait.kind == "wait"
    assert wait.request["for"]["request"]["arguments"] == {"text": "sum"}


def test_a_clean_value_is_written_without_asking() -> None:
    """What comes from nowhere outside needs no approval."""
    m = machine(
        '  - {id: out, call: ./tools/send, with: {text: "hello"}}\n',
        tools=(card("send", "writes_external"),),
        gate=Gate(),
    )
    (tool,) = m.start().effects
    assert tool.kind == "tool"


def test_an_undeclared_tool_is_asked_about_with_the_declaration_to_write() -> None:
    """The way out is in the message."""
    m = machine("  - {id: a, call: ./tools/odd}\n", tools=(card("odd", declared=False),), gate=Gate())
    (wait,) = m.start().effects
    assert "@tool(effects=" in str(wait.request["for"]["findings"])


def test_open_gate_still_rules_on_everything() -> None:
    """Every effect has a verdict before it, every result one after."""
    m = machine("  - {id: a, call: ./tools/add}\n", tools=(ADD,), gate=open_gate())
    step = m.start()
    assert types(step) == ["run_started", "verdict", "effect"]
    step = m.submit(step.effects[0].token, 1)
    assert types(step) == ["result", "verdict", "outcome"]


def test_failures_and_invalid_results_share_the_attempts_of_retry() -> None:
    """Two attempts are two, whether the first one failed or gave what does not fit."""
    ask = "  - {id: x, ask: Do it., retry: {attempts: 2}}\n"
    for first, second in (("it broke", None), (None, "it broke"), (None, None), ("it broke", "it broke")):
        m = machine(ask)
        m.start()
        for result in (first, second):
            assert m.outcome is None
            token = m.effects[0].token
            m.submit(token, {"answer": 1}) if result is None else m.fail(token, result)
        assert m.outcome is not None
        assert m.outcome.error is not None
        assert m.outcome.error.kind == ("invalid" if second is None else "model")


def test_a_model_is_asked_again_with_a_reason_that_breaks_no_principle() -> None:
    """`revise`: the reason does not quote the pattern, which the same principle would find in the next request."""
    m = machine(ASK, gate=gate_of("    on_violation: revise\n    checks: [{regex: forbidden}]\n"))
    (first,) = m.start().effects
    (second,) = m.submit(first.token, {"answer": "a forbidden word"}).effects
    assert second.attempt == 2
    assert "forbidden" not in str(second.request["problems"])
    assert m.submit(second.token, {"answer": "a word"}).outcome.output == "a word"  # type: ignore[union-attr]
