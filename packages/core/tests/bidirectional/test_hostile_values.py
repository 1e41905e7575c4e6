"""Values that nobody should send: the machine answers, and never raises anything but what it says it raises."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core import LevError
from lev_os.core.bidirectional import Failure
from machines import card, machine

ASK = '  - {id: a, ask: Say a word.}\n  - {return: "${a}"}\n'
CALL = '  - {id: a, call: ./tools/c, with: {}}\n  - {return: "${a}"}\n'
IF = "  - {if_semantic: angry, about: hi, then: [], else: [], uncertain: []}\n"


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


NOT_JSON = {
    "NaN": float("nan"),
    "infinity": {"x": [float("inf")]},
    "1e400": float("1e400"),
    "a lone surrogate": "\ud800",
    "a lone surrogate as key": {"\ud800": 1},
    "a number as key": {1: 2},
    "nested beyond the stack": nested(100_000),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused_and_the_effect_stays_open(name: str) -> None:
    """NaN does not become null on the quiet; a better result is still welcome."""
    m = machine(CALL, tools=(card("c"),))
    (effect,) = m.start().effects
    with pytest.raises(LevError, match="not JSON"):
        m.submit(effect.token, NOT_JSON[name])
    assert m.submit(effect.token, 1).outcome is not None


@pytest.mark.parametrize(
    "value", ["", None, {"__proto__": {"a": 1}}, {"": ""}, nested(500), "\0", [0] * 10_000, "ключ"]
)
def test_what_is_odd_but_json_is_bound_as_it_is(value: Any) -> None:
    """No key and no text means anything to the machine."""
    m = machine(CALL, tools=(card("c"),))
    outcome = m.submit(m.start().effects[0].token, value).outcome
    assert outcome is not None
    assert outcome.output == value


@pytest.mark.parametrize("value", [{"holds": []}, {"holds": {}}, {"holds": 1}, {"label": []}, {"confidence": []}, 7])
def test_a_judge_that_answers_garbage_decides_nothing(value: Any) -> None:
    """The model is asked instead, or the answer is refused; nothing is raised."""
    m = machine(IF)
    step = m.submit(m.start().effects[0].token, value)
    assert [effect.kind for effect in step.effects] == ["model"]


@pytest.mark.parametrize("error", ["\ud800", OSError(2, "gone", "caf\udce9"), Failure(kind="tool", message="\udcff")])
def test_a_failure_with_a_name_that_has_no_utf8_is_told(error: Any) -> None:
    """Names of files may hold any byte, and messages quote them."""
    m = machine(CALL, tools=(card("c"),))
    outcome = m.fail(m.start().effects[0].token, error).outcome
    assert outcome is not None
    assert outcome.error is not None
    outcome.error.message.encode()


def test_a_reason_that_has_no_utf8_cancels_all_the_same() -> None:
    """The record of it can be written."""
    m = machine(ASK)
    m.start()
    step = m.cancel("\ud800")
    assert step.outcome is not None
    step.records[0].body["reason"].encode()


@pytest.mark.parametrize("given", ["x", [1], 7, {"x": "\ud800"}, {"x": float("nan")}, {"x": 1, 2: 3}])
def test_an_input_that_is_no_object_of_json_has_not_begun_anything(given: Any) -> None:
    """It is refused before there is a run."""
    m = machine('  - {return: "${input}"}\n', head="input: {x: any}")
    with pytest.raises(LevError):
        m.start(given)
    assert m.start({"x": 1}).outcome is not None


def test_a_late_result_is_noted_once() -> None:
    """Sent again, it gets an answer and no new record; another one is a conflict."""
    m = machine("  - {id: w, wait: go}\n")
    (wait,) = m.start().effects
    m.cancel("enough")
    first = m.submit(wait.token, "yes")
    assert (first.reply, [record.type for record in first.records]) == ("late", ["late"])
    again = m.submit(wait.token, "yes")
    assert (again.reply, again.records) == ("duplicate", ())
    assert m.submit(wait.token, "no").reply == "conflict"
