"""A worker is killed at every effect of a flow, before and after: the run ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from typing import Any

import pytest
from lev_os.workflow import send, start
from lev_os.workflow.client import NotSent

from .conftest import Desk, go, over

pytestmark = pytest.mark.slow

INPUT = {"items": ["one", "two"]}
CALLS = 13
"""How many calls of tools the flow `all` makes."""


class Supervisor(threading.Thread):
    """Starts a worker again as often as it dies."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(daemon=True)
        self.desk = desk
        self.deaths = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            process = self.desk.worker("--concurrency", "1", name="w")
            while process.poll() is None and not self.over.is_set():
                time.sleep(0.05)
            self.deaths += process.poll() is not None


@pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=True)
def test_killed_at_every_effect_a_run_ends_as_the_one_that_nobody_killed(desk: Desk) -> None:
    """Outcome and recorded effects are equal; a call is made twice only if its process died before it was recorded."""
    runs = ["calm"]
    for call in range(1, CALLS + 1):
        for side in ("before", "after"):
            runs.append(f"{side}-{call}")
            desk.plan(runs[-1], call, side)
    for number, run in enumerate(runs):
        go(start("ledgerdesk/flows/all", INPUT, run=run, database=desk.url))
        if number % 2:  # a message that comes before its wait is kept; the others come when it is open
            go(send(run, "go", {"text": "well"}, database=desk.url))
    supervisor = Supervisor(desk)
    supervisor.start()

    def settled(states: dict[str, Any]) -> bool:
        for state in states.values():
            for wait in state.waits:
                answer = {"text": "well"} if wait["name"] == "go" else {"approved": True}
                with contextlib.suppress(NotSent):  # it was answered a moment ago, and the run has gone on
                    go(send(state.run, wait["name"], answer, wait=wait["key"], database=desk.url))
        return over(states)

    states = desk.until(settled, seconds=900)
    supervisor.over.set()
    supervisor.join()

    assert supervisor.deaths == 2 * CALLS
    expected = desk.recorded("calm")
    keys = {key for key, _ in desk.ledger("calm")}
    assert len(keys) == CALLS - 1, "two attempts of one call have one key"
    for run in runs[1:]:
        assert states[run].status == "done", states[run]
        assert states[run].output == states["calm"].output
        assert desk.recorded(run) == expected, run
        calls = Counter(desk.ledger(run))
        twice = {what: times for (_, what), times in calls.items() if times > 1 and what != "bread"}
        # A kill after a call repeats it, and with it what its branch beside had under way.
        assert sum(calls.values()) - CALLS in ((1, 2) if run.startswith("after") else (0, 1))
        assert all(times == 2 for times in twice.values())
        assert len(twice) <= 2
