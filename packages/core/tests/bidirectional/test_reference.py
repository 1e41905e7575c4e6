"""The machine does what a plain interpreter of the language says, whatever the flow and the order of the answers."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.bidirectional import Machine
from lev_os.core.flowmind.link import LinkedFlow
from machines import open_gate
from random_programs import NEVER, Driven, RandomWorld, program
from reference import Reference, essence

INPUT = {"text": "good", "tag": ""}


def compare(flow: LinkedFlow, seed: int, cancel_at: float = NEVER) -> str:
    """Run the flow both ways; returns the status."""
    world = RandomWorld(seed)
    expected = Reference(world).run(flow, INPUT, cancel_at)
    machine = Machine(flow, gate=open_gate(), run="run", secret=b"secret")
    driven = Driven(machine, world, INPUT, cancel_at)
    outcome = machine.outcome
    assert outcome is not None
    error = None if outcome.error is None else outcome.error.kind
    kind, step = expected.error or (None, None)
    assert (outcome.status, error) == (expected.status, kind)
    assert outcome.output == expected.output
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
    assert not cut - dropped, "effects that were not dropped"
    assert not dropped - cut - Counter(e.path for e in expected.perhaps), "effects dropped without a reason"
    return outcome.status


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), seed=st.integers(0, 1 << 30), cancel=st.sampled_from([NEVER, 900.5]))
def test_the_machine_does_what_the_reference_says(random: Random, seed: int, cancel: float) -> None:
    """Outcome, output, effects, attempts and cancellations are those of the plain interpreter."""
    compare(program(random), seed, cancel)


@pytest.mark.slow
def test_a_thousand_long_flows() -> None:
    """The same for deeper flows; every way to end is met."""
    statuses = Counter(
        compare(program(Random(seed), depth=3), seed, 3000.5 if seed % 10 == 0 else NEVER) for seed in range(1000)
    )
    assert statuses.keys() == {"done", "failed", "cancelled"}
