"""Three steps that carry 4 KiB each and survive a killed process: our journal beside Mastra with LibSQL."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from . import install
from .measure import PEERS, CannotMeasure, own, rounds, worker
from .table import Row

RUNS, PAYLOAD, TARGET = 500, 4096, 5.0
PEER = "Mastra 1.71.0 + LibSQL"
PACKAGES = ("@mastra/core@1.71.0", "@mastra/libsql@1.23.1", "zod@4")


def measure(count: int) -> list[Row]:
    # Nothing is deleted between the rounds: a file system that has just lost a thousand files is slow to make new
    # ones (ext4 without its journal looks at every inode freed in the last half minute, for a quarter of all CPU time).
    with tempfile.TemporaryDirectory() as folder:
        return _measure(count, Path(folder))


def _measure(count: int, folder: Path) -> list[Row]:
    syncs: list[dict[str, float]] = []
    numbers = itertools.count()

    def place() -> Path:
        path = folder / str(next(numbers))
        path.mkdir()
        return path

    def ours() -> float:
        said = worker(own("journalled", place(), RUNS, PAYLOAD))
        syncs.append(said["fsync"])
        return float(said["steps"] / said["cpu"])

    measures: dict[str, Callable[[], float]] = {"ours": ours}
    note = ""
    try:
        home = install.node("mastra", *PACKAGES)

        def theirs() -> float:
            script = str(PEERS / "mastra_steps.mjs")
            said = worker(["node", script, str(home), str(place() / "db"), str(RUNS), str(PAYLOAD)])
            return float(said["steps"] / said["cpu"])

        measures[PEER] = theirs
    except CannotMeasure as error:
        note = f"{PEER}: {error}"
    found = rounds(measures, count)
    peer = found.get(PEER)
    ratio = found["ours"] / peer if peer else None
    met = ratio >= TARGET if ratio is not None else None
    sync = {name: median(one[name] for one in syncs) for name in syncs[0]}
    apart = "fsync apart: {count:.0f} a run, {wall_ms:.2f} ms wall, {cpu_ms:.2f} ms CPU".format(
        count=sync["count"], wall_ms=sync["wall"] * 1000, cpu_ms=sync["cpu"] * 1000
    )
    note = "; ".join(filter(None, (note, apart)))
    what = "three steps, 4 KiB each, journalled"
    return [Row(what, found["ours"], "steps/CPU-s", PEER, peer, ratio, f">= {TARGET:.0f}x", met, note)]
