"""What a machine takes as the answer of a judge, of a model that judges, and of a person; the rest is told why not."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core.bidirectional._answers import (
    accept_approval,
    accept_judgement,
    accept_verdict_of_model,
)

YES_NO = ("yes", "no")
CONFIDENCE = "`confidence` is a number from 0 to 1"


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("yes", "yes"),
        (None, None),
        ({"label": "no"}, "no"),
        ({"label": None}, None),
        ({}, None),
        ({"holds": True}, "yes"),
        ({"holds": False}, "no"),
        ({"holds": None}, None),
        ({"holds": True, "label": "no"}, "no"),
        ({"holds": "perhaps", "label": "no"}, "no"),
        ({"label": "yes", "confidence": 0}, "yes"),
        ({"label": "yes", "confidence": 1}, "yes"),
        ({"label": "yes", "confidence": 0.5, "calibrated": True}, "yes"),
        ({"label": "yes", "confidence": None}, "yes"),
    ],
)
def test_a_judgement_in_every_form(said: Any, label: str | None) -> None:
    """A label alone, an object, or whether the condition holds; other fields are kept."""
    problems, value = accept_judgement(YES_NO)(said)
    assert problems == ()
    assert value["label"] == label
    assert value == {**(said if isinstance(said, dict) else {}), "label": label}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["yes"], "a judgement is an object with `label`, `confidence`, `calibrated`, `evidence`, `decided_by`"),
        ("maybe", "`label` is one of yes, no, or null; not 'maybe'"),
        ({"holds": "yes"}, "`holds` is true, false or null"),
        ({"label": "yes", "confidence": -0.1}, f"{CONFIDENCE}, or null"),
        ({"label": "yes", "confidence": 1.1}, f"{CONFIDENCE}, or null"),
        ({"label": "yes", "confidence": "high"}, f"{CONFIDENCE}, or null"),
        ({"label": "yes", "confidence": True}, f"{CONFIDENCE}, or null"),
    ],
)
def test_a_judgement_that_is_none(said: Any, why: str) -> None:
    """The reason goes back to whoever judged."""
    assert accept_judgement(YES_NO)(said) == ([why], None)


def test_whether_it_holds_says_nothing_about_other_labels() -> None:
    """`holds` answers a yes or no; a classification without a label abstains."""
    assert accept_judgement(("red", "blue"))({"holds": True}) == ((), {"holds": True, "label": None})


@pytest.mark.parametrize("confidence", [None, 0, 0.5, 1])
def test_a_verdict_of_a_model(confidence: float | None) -> None:
    """One of the labels or `unsure`, alone or in an object, with a number of its own or without."""
    accept = accept_verdict_of_model(YES_NO)
    assert accept({"answer": "unsure", "usage": {}}) == ((), {"answer": {"answer": "unsure"}, "usage": {}})
    whole = {"answer": {"answer": "yes", "confidence": confidence, "evidence": "it says so"}}
    assert accept(whole) == ((), whole)


@pytest.mark.parametrize("said", ["yes", {}, {"answer": "maybe"}, {"answer": {"answer": None}}, {"answer": ["yes"]}])
def test_a_verdict_that_is_none(said: Any) -> None:
    """The labels are listed."""
    assert accept_verdict_of_model(YES_NO)(said) == (["`answer` is one of yes, no, unsure"], None)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, 2, "high", True])
def test_a_verdict_with_a_number_that_is_none(confidence: Any) -> None:
    """What is no share of certainty is refused, even if nothing would be made of it."""
    said = {"answer": {"answer": "yes", "confidence": confidence}}
    assert accept_verdict_of_model(YES_NO)(said) == ([f"{CONFIDENCE}, or left out"], None)


def test_an_approval_is_true_or_false_and_perhaps_a_note() -> None:
    """An empty note is none; anything else beside it is dropped."""
    assert accept_approval({"approved": True}) == ((), {"approved": True})
    assert accept_approval({"approved": False, "note": "no", "by": "me"}) == ((), {"approved": False, "note": "no"})
    assert accept_approval({"approved": True, "note": ""}) == ((), {"approved": True})
    for said in ("yes", {}, {"approved": "true"}, {"approved": 1}):
        assert accept_approval(said) == (['an approval is {"approved": true | false, "note": "…"}'], None)
    assert accept_approval({"approved": True, "note": 5}) == (["`note` is a string"], None)
