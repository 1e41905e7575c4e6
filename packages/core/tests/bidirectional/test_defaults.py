"""Defaults of what models and people answer are put in, as those of inputs are."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core import Flow
from lev_os.core.bidirectional import Machine

RETURNS = "    returns: {text: string, note: {type: string, default: none}}\n"


@pytest.mark.parametrize(
    ("step", "answer"),
    [("ask: Say it.", {"answer": {"text": "yes"}}), ("wait: word", {"text": "yes"})],
)
def test_a_field_with_a_default_may_be_left_out(step: str, answer: Any) -> None:
    """And can be read all the same."""
    flow = Flow.parse(
        f'flowmind: 1\nname: x\nsteps:\n  - id: said\n    {step}\n{RETURNS}  - return: "${{said.note}}"\n'
    )
    machine = Machine(flow)
    (effect,) = machine.start({}).effects
    outcome = machine.submit(effect.token, answer).outcome
    assert outcome is not None
    assert (outcome.status, outcome.output) == ("done", "none")
