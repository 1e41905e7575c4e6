"""Fixes of what reading a flow reports: the problem is gone afterwards, and nothing else has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.check.files import File
from lev_os.check.fixing import apply
from lev_os.check.flows.mending import fix_of
from lev_os.core.flowmind.parse import examine

HEAD = "flowmind: 1\nname: x\ninput: {n: integer, message: string}\nsteps:\n"


def mended(body: str) -> tuple[str, bool]:
    """The body after the first problem's fix, and whether the fix is safe."""
    text = HEAD + body
    problems = examine(text)[1]
    fix = fix_of(problems[0], File(Path("x.yaml"), "x.yaml", "flow", text))
    assert fix is not None, problems
    after, _ = apply(text, [fix])
    assert len(examine(after)[1]) < len(problems), after
    return after.removeprefix(HEAD), fix.safe


@pytest.mark.parametrize(
    ("before", "after", "safe"),
    [
        ("  - ask: Greet ${input.message}.\n", '  - ask: "Greet ${input.message}."\n', True),
        ('  - ask: Say "${input.message}"!\n', "  - ask: 'Say \"${input.message}\"!'\n", True),
        ('  - if: "${input.n > 1}"\n    then: []\n', '  - if: "input.n > 1"\n    then: []\n', True),
        ('  - if: "input.n > 1 and true"\n    then: []\n', '  - if: "input.n > 1 && true"\n    then: []\n', True),
        ("  - ask: Hi.\n    timeout: 30\n", "  - ask: Hi.\n    timeout: 30s\n", False),
        ("  - prompt: Hi.\n", "  - ask: Hi.\n", False),
        ("  - ask: Hi.\n    retyr: {attempts: 2}\n", "  - ask: Hi.\n    retry: {attempts: 2}\n", False),
        ('  - ask: "${input.massage}"\n', '  - ask: "${input.message}"\n', False),
        ('  - set: {total: 1}\n  - ask: "${totl}"\n', '  - set: {total: 1}\n  - ask: "${total}"\n', False),
        ("  - call: find\n", "  - call: ./tools/find\n", False),
        (
            "  - if_semantic: it is rude\n    then: []\n",
            "  - uncertain: []\n    if_semantic: it is rude\n    then: []\n",
            False,
        ),
        (
            "  - {if_semantic: it is rude, then: []}\n",
            "  - {uncertain: [], if_semantic: it is rude, then: []}\n",
            False,
        ),
    ],
)
def test_a_fix_mends_its_problem(before: str, after: str, safe: bool) -> None:
    """And is safe only when it cannot change what is meant."""
    assert mended(before) == (after, safe)


@pytest.mark.parametrize(
    "body",
    [
        "  - ask: Greet ${input.message}\n      on two lines.\n",
        "  - {ask: Greet ${input.message}}\n",
        "  - ask: Greet ${input.message} # the customer\n",
        "  - ask: ''\n",
    ],
)
def test_what_takes_a_person_has_no_fix(body: str) -> None:
    """A fix that might be wrong is not offered."""
    text = HEAD + body
    file = File(Path("x.yaml"), "x.yaml", "flow", text)
    for problem in examine(text)[1]:
        fix = fix_of(problem, file)
        assert fix is None or not fix.safe
