"""How often models are asked and tools called: the least and the most, against runs and by hand."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lev_os.check.flows.counting import UNBOUNDED, Range, count
from lev_os.check.flows.waiting import without_wait
from lev_os.core import Flow
from lev_os.core.bidirectional import Machine
from lev_os.core.errors import InvalidInput
from machines import open_gate
from random_programs import NEVER, Driven, RandomWorld, program
from reference import Reply

HEAD = "flowmind: 1\nname: x\ninput: {n: integer, list: [string]}\nsteps:\n"


class GoodWorld(RandomWorld):
    """Nothing fails, and models answer at once instead of calling tools."""

    def __call__(self, kind: str, path: str, attempt: int, request: Mapping[str, Any]) -> Reply:
        dice = Random(f"{self.seed} {kind} {path}")
        return Reply(
            1 + dice.random(), self.right(kind, {**request, "tools": []} if kind == "model" else request, dice)
        )


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 40))
def test_a_run_without_failures_lies_between_the_least_and_the_most(seed: int) -> None:
    """The counts of the run's own meter are within the ranges."""
    try:
        linked = program(Random(seed), depth=3)
    except InvalidInput:  # steps after a `return`
        assume(False)
    cost = count(linked)
    for world in range(4):
        machine = Machine(linked, gate=open_gate(), run="run", secret=b"secret")
        driven = Driven(machine, GoodWorld(seed + world), {"text": "good", "tag": ""}, NEVER)
        assert machine.outcome is not None
        asks = sum(effect.kind == "model" for effect in driven.left)
        calls = sum(effect.kind == "tool" for effect in driven.left)
        assert asks <= cost.asks.high
        assert calls <= cost.calls.high
        if machine.outcome.status == "done":
            assert cost.asks.low <= asks
            assert cost.calls.low <= calls


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("  - ask: a\n  - ask: b\n", Range(2, 2)),
        ('  - if: "input.n > 1"\n    then:\n      - ask: a\n', Range(0, 1)),
        ('  - if: "input.n > 1"\n    then:\n      - return: 1\n  - ask: a\n', Range(0, 1)),
        ("  - if_semantic: it is\n    then:\n      - ask: a\n    uncertain: []\n", Range(0, 2)),
        ('  - while: "true"\n    max_iterations: 4\n    do:\n      - ask: a\n', Range(4, 4)),
        ('  - while: "input.n > 1"\n    max_iterations: 4\n    do:\n      - ask: a\n', Range(0, 4)),
        ('  - while: "true"\n    max_iterations: 4\n    do:\n      - ask: a\n      - return: 1\n', Range(0, 1)),
        ("  - for_each: x in [1, 2, 3]\n    do:\n      - ask: a\n", Range(3, 3)),
        ('  - for_each: x in [1, 2, 3]\n    where: "x > 1"\n    do:\n      - ask: a\n', Range(0, 3)),
        ("  - for_each: x in input.list\n    do:\n      - ask: a\n", Range(0, UNBOUNDED)),
        ("  - for_each: x in input.list\n    do: []\n", Range(0, 0)),
        ("  - parallel: {a: [{ask: a}], b: [{ask: b}]}\n", Range(2, 2)),
        ("  - parallel: {a: [{ask: a}], b: [{ask: b}]}\n    wait_for: any\n", Range(0, 2)),
        ("  - try:\n      - ask: a\n    catch:\n      - ask: b\n", Range(1, 2)),
        ("  - wait: x\n    timeout: 1d\n    on_timeout:\n      - ask: a\n", Range(0, 1)),
    ],
)
def test_each_kind_of_step(body: str, asks: Range) -> None:
    """What a step adds on its shortest and its longest way."""
    linked, _ = Flow.parse(HEAD + body).examine_links()
    assert count(linked).asks == asks


@pytest.mark.parametrize(
    ("body", "free"),
    [
        ("  - ask: a\n  - wait: x\n  - ask: b\n", ["a"]),
        ('  - if: "input.n > 1"\n    then:\n      - wait: x\n  - ask: b\n', ["b"]),
        ('  - if: "input.n > 1"\n    then:\n      - wait: x\n    else:\n      - return: 1\n  - ask: b\n', []),
        ("  - wait: x\n    timeout: 1d\n    on_timeout:\n      - ask: a\n  - ask: b\n", ["a", "b"]),
        ("  - wait: x\n    timeout: 1d\n    on_timeout:\n      - return: 1\n  - ask: b\n", []),
        ('  - while: "input.n > 1"\n    max_iterations: 2\n    do:\n      - wait: x\n  - ask: b\n', ["b"]),
        ("  - parallel: {a: [{wait: x}], b: [{ask: a}]}\n  - ask: b\n", ["a"]),
        ("  - parallel: {a: [{wait: x}], b: [{ask: a}]}\n    wait_for: any\n  - ask: b\n", ["a", "b"]),
        ("  - try:\n      - wait: x\n    catch: []\n  - ask: b\n", ["b"]),
    ],
)
def test_what_can_run_before_a_person_was_asked(body: str, free: list[str]) -> None:
    """The asks that no answered `wait` dominates."""
    steps = Flow.parse(HEAD + body).tree.steps
    found = [getattr(step, "instruction", None) for step, _ in without_wait(steps)]
    assert [template.parts[0] for template in found if template is not None] == free
