"""Thresholds are written into a flow's text, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.core.documents import read_yaml
from lev_os.core.errors import LevError
from lev_os.core.flowmind.thresholds import with_threshold

FLOW = """\
flowmind: 1          # version
name: sort
steps:
  - id: kind         # what it is
    switch_semantic: what the customer wants
    confidence:   0.6     # agreed with Ann
    cases:
      "a/b": {examples: [x], then: []}
    uncertain:
      - if_semantic: it is urgent
        # how urgent is urgent?
        about: >
          some
          text
        then: []
        else: []
        uncertain: []
"""
INNER = "steps/0/uncertain/0"


def test_a_number_is_replaced_where_it_stands() -> None:
    """With its measurement behind what the line said already."""
    assert with_threshold(FLOW, "steps/0", 0.52, "0.9 right\nof 20") == FLOW.replace(
        "0.6     # agreed with Ann", "0.52     # agreed with Ann  # lev calibrate: 0.9 right of 20"
    )


def test_a_second_measurement_replaces_the_first() -> None:
    """However often it is measured, there is one comment."""
    once = with_threshold(FLOW, "steps/0", 0.52, "once")
    assert with_threshold(once, "steps/0", 0.7, "twice") == with_threshold(FLOW, "steps/0", 0.7, "twice")


def test_a_missing_number_is_put_in() -> None:
    """As the second key of the step, above the comments of the next one."""
    assert with_threshold(FLOW, INNER, 0.8, "m") == FLOW.replace(
        "        # how urgent", "        confidence: 0.8  # lev calibrate: m\n        # how urgent"
    )


@pytest.mark.parametrize(
    ("step", "edited"),
    [
        ("{if_semantic: x, then: []}", "{if_semantic: x, confidence: 0.8, then: []}"),
        (
            "{if_semantic: x, confidence: 0.5, then: []}",
            "{if_semantic: x, confidence: 0.8, then: []}  # lev calibrate: m",
        ),
        ("{if_semantic: x, confidence: 0.5}", "{if_semantic: x, confidence: 0.8}  # lev calibrate: m"),
        ('{confidence: 5e-1, about: "a\n    b"}', '{confidence: 0.8, about: "a\n    b"}'),
    ],
)
def test_steps_in_braces(step: str, edited: str) -> None:
    """The comment is left out where it would become part of something else."""
    assert with_threshold(f"steps:\n  - {step}\n", "steps/0", 0.8, "m") == f"steps:\n  - {edited}\n"


def test_windows_line_ends_stay() -> None:
    """Every line, the new one included, ends as the others do."""
    text = FLOW.replace("\n", "\r\n")
    for step in ("steps/0", INNER):
        edited = with_threshold(text, step, 0.8, "m")
        assert edited.count("\n") == edited.count("\r\n")
        assert read_yaml(edited).data == read_yaml(with_threshold(FLOW, step, 0.8, "m")).data


@pytest.mark.parametrize("step", ["steps/9", "steps/x", "name/0", "other"])
def test_a_step_that_is_not_there(step: str) -> None:
    """Is named."""
    with pytest.raises(LevError, match=step):
        with_threshold(FLOW, step, 0.8, "m")


def test_a_layout_that_cannot_be_edited_is_left_alone() -> None:
    """An alias stands for the same number elsewhere: writing here would write there."""
    text = "a: &n 0.5\nsteps:\n  - if_semantic: x\n    confidence: *n\n"
    edited = with_threshold(text, "steps/0", 0.8, "m")
    assert read_yaml(edited).data == {"a": 0.5, "steps": [{"if_semantic": "x", "confidence": 0.8}]}
    with pytest.raises(LevError, match="line 3 cannot be written"):
        with_threshold("base: &b\n  x: 1\nsteps: [*b]\n", "steps/0", 0.8, "m")


@given(st.integers(1, 99), st.text(st.characters(codec="utf-8"), max_size=30))
def test_only_the_number_and_the_comment_change(hundredths: int, measurement: str) -> None:
    """Whatever the measurement says, the parsed flow differs in one number, and every other line is as it was."""
    edited = with_threshold(FLOW, "steps/0", hundredths / 100, measurement)
    wanted = read_yaml(FLOW).data
    wanted["steps"][0]["confidence"] = hundredths / 100
    assert read_yaml(edited).data == wanted
    before, after = FLOW.split("\n"), edited.split("\n")
    assert [a for a, b in zip(after, before, strict=True) if a != b] in ([], [after[5]])


@pytest.mark.parametrize("end", ["\r", "\r\n", "\x85", "\u2028"])
@pytest.mark.parametrize("step", ["steps/0", INNER])
def test_whatever_ends_a_line(step: str, end: str) -> None:
    """Lines are counted as YAML counts them."""
    changed = with_threshold(FLOW.replace("\n", end), step, 0.7, "good")
    assert changed == with_threshold(FLOW, step, 0.7, "good").replace("\n", end)


def test_a_line_end_within_a_comment_moves_nothing() -> None:
    """A comment that YAML ends at U+2028 does not shift the place of the number."""
    text = FLOW.replace("# version", "# version\u2028# of the language")
    assert with_threshold(text, "steps/0", 0.6, "good") == text.replace(
        "# agreed with Ann", "# agreed with Ann  # lev calibrate: good"
    )
