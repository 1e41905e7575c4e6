"""The machine does what a plain interpreter of the language says, whatever the flow and the order of the answers."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lev_os.core.bidirectional import Machine
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind.link import LinkedFlow
from machines import open_gate
from random_programs import NEVER, Driven, RandomWorld, program
from reference import Reference, essence, without_messages
from reference_gate import Law

INPUT = {"text": "good", "tag": ""}


def compare(flow: LinkedFlow, seed: int, cancel_at: float = NEVER) -> str:
    """Run the flow both ways, under a random law; returns the status."""
    world, law = RandomWorld(seed), Law.random(Random(seed))
    expected = Reference(world, law).run(flow, INPUT, cancel_at)
    machine = Machine(flow, gate=law.gate() if law.rules else open_gate(), run="run", secret=b"secret")
    driven = Driven(machine, world, INPUT, cancel_at)
    outcome = machine.outcome
    assert outcome is not None
    error = None if outcome.error is None else outcome.error.kind
    kind, step = expected.error or (None, None)
    assert (outcome.status, error) == (expected.status, kind)
    assert without_messages(outcome.output) == without_messages(expected.output)
    if outcome.status == "failed" and kind != "limit":
        assert outcome.error is not None
        assert outcome.error.step == step
    left = Counter((e.kind, e.path, e.attempt, essence(e.kind, e.request)) for e in driven.left)
    surely = Counter((e.kind, e.path, e.attempt, e.request) for e in expected.effects)
    perhaps = Counter((e.kind, e.path, e.attempt, e.request) for e in expected.perhaps)
    assert not surely - left, "effects that did not leave"
    assert not left - surely - perhaps, "effects that left without a reason"
    dropped = Counter(e.path for e in driven.left if e.token in driven.dropped)
    cut = Counter(e.path for e in expected.effects if e.cut)
    # That the time is up may be seen when the effect that used it up is given up.
    assert (cut - dropped).total() <= (kind == "limit"), "effects that were not dropped"
    # Equal timeouts pass in one moment; which of them is seen first is nobody's promise.
    ends = Counter(e.end for e in expected.effects)
    together = Counter(e.path for e in expected.effects if ends[e.end] > 1)
    assert not dropped - cut - together - Counter(e.path for e in expected.perhaps), "dropped without a reason"
    return outcome.status


def valid_program(random: Random, depth: int = 2) -> LinkedFlow | None:
    """A random flow; None when it is one that the parser rightly refuses."""
    try:
        return program(random, depth)
    except InvalidInput:
        return None


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), seed=st.integers(0, 1 << 30), cancel=st.sampled_from([NEVER, 900.5]))
def test_the_machine_does_what_the_reference_says(random: Random, seed: int, cancel: float) -> None:
    """Outcome, output, effects, attempts and cancellations are those of the plain interpreter."""
    flow = valid_program(random)
    assume(flow is not None)
    assert flow is not None
    compare(flow, seed, cancel)


def test_a_hundred_flows_each_time_the_same() -> None:
    """The same for flows that do not change from run to run, so that a failure is met again."""
    assert _many(100, 1) == {"done", "failed", "denied", "cancelled"}


@pytest.mark.slow
def test_three_thousand_long_flows() -> None:
    """The same for deeper flows; every way to end is met."""
    assert _many(3000, 3) == {"done", "failed", "denied", "cancelled"}


def _many(count: int, depth: int) -> set[str]:
    flows = [(seed, valid_program(Random(seed), depth)) for seed in range(count)]
    return {compare(flow, seed, 900.5 if seed % 10 == 0 else NEVER) for seed, flow in flows if flow is not None}
