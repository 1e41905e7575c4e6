"""Looking at a flow that has problems: what could be read of it, beside what is wrong."""

from __future__ import annotations

import pytest
from lev_os.core import Flow, InvalidInput
from lev_os.core.flowmind.model import Ask, Return, Template
from lev_os.core.flowmind.parse import examine, parse_flow

HEAD = "flowmind: 1\nname: x\ninput: {n: integer}\nsteps:\n"


def test_a_flow_without_problems_is_the_one_that_is_parsed() -> None:
    """Nothing is lost or added."""
    text = HEAD + '  - id: a\n    ask: "Say ${input.n}"\n  - return: "${a}"\n'
    assert examine(text) == (parse_flow(text), ())


def test_steps_that_can_be_read_are_there() -> None:
    """One that cannot is left out; every problem is told, as parsing tells them."""
    text = HEAD + '  - ask: First.\n  - prompt: What?\n  - ask: "Say ${input.m}"\n  - return: "${1 +}"\n'
    tree, problems = examine(text)
    assert tree is not None
    assert [type(step) for step in tree.steps] == [Ask, Ask, Return]
    assert [problem.code for problem in problems] == ["FLW102", "FLW201", "FLW301"]
    with pytest.raises(InvalidInput) as caught:
        parse_flow(text)
    assert tuple(caught.value.problems) == problems


def test_an_expression_that_cannot_be_read_has_no_place() -> None:
    """So that nobody draws conclusions from what stands in for it."""
    tree, _ = examine(HEAD + '  - if: "1 +"\n    then: []\n')
    assert tree is not None
    (step,) = tree.steps
    assert step.test.at.line is None  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["steps: [", "- a\n", "flowmind: 2\nname: x\n", "x" * 1_000_001])
def test_what_is_no_flow_at_all_has_no_tree(text: str) -> None:
    """YAML that does not parse, a list, a newer version, a file that is too large."""
    tree, problems = examine(text)
    assert tree is None
    assert problems


def test_links_that_are_found_are_there() -> None:
    """What cannot be resolved is left out and reported; `link` raises the same problems."""
    flow = Flow.parse(HEAD + "  - call: ./tools/known\n  - call: nowhere/tools/x\n  - ask: Hi.\n")
    linked, problems = flow.examine_links()
    assert set(linked.tools) == {"./tools/known"}
    assert linked.tree is flow.tree
    assert [problem.code for problem in problems] == ["FLW501"]
    with pytest.raises(InvalidInput) as caught:
        flow.link()
    assert tuple(caught.value.problems) == problems


def test_text_that_cannot_be_read_is_kept_as_text() -> None:
    """A template with an error is the text that it is."""
    tree, _ = examine(HEAD + '  - ask: "Say ${1 +}"\n')
    assert tree is not None
    (step,) = tree.steps
    assert isinstance(step, Ask)
    assert step.instruction == Template(("Say ${1 +}",))
