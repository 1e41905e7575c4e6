"""Three steps that carry 4 KiB each and survive a killed process: our journal beside Mastra with LibSQL.

Both are measured with the same promise. LibSQL writes ahead and reaches the disk at checkpoints alone, every fifth
run or so: what it says is stored survives a killed process, not a power cut. So does our journal with `fsync=False`.
As runs are by default it survives both; what that costs on the disk of temporary files is reported apart.

Both write to files in memory where there are any, so that the figures are the programs' and not the file system's:
ext4 without its journal looks at every inode freed in the last half minute before it makes a file, and then takes
20 to 500 us of CPU for one, depending on what other programs have just deleted.
"""

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
MEMORY = Path("/dev/shm")
PEER = "Mastra 1.71.0 + LibSQL"
PACKAGES = ("@mastra/core@1.71.0", "@mastra/libsql@1.23.1", "zod@4")


def measure(count: int) -> list[Row]:
    in_memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as folder, tempfile.TemporaryDirectory() as on_disk:
        return _measure(count, Path(folder), Path(on_disk))


def _measure(count: int, folder: Path, on_disk: Path) -> list[Row]:
    syncs: list[dict[str, float]] = []
    numbers = itertools.count()

    def place(inside: Path) -> Path:
        path = inside / str(next(numbers))
        path.mkdir()
        return path

    def ours() -> float:
        said = worker(own("journalled", place(folder), RUNS, PAYLOAD, "no"))
        return float(said["steps"] / said["cpu"])

    def durable() -> float:
        said = worker(own("journalled", place(on_disk), RUNS, PAYLOAD, "fsync"))
        syncs.append(said["fsync"])
        return float(said["steps"] / said["cpu"])

    measures: dict[str, Callable[[], float]] = {"ours": ours, "with fsync": durable}
    note = ""
    try:
        home = install.node("mastra", *PACKAGES)

        def theirs() -> float:
            script = str(PEERS / "mastra_steps.mjs")
            said = worker(["node", script, str(home), str(place(folder) / "db"), str(RUNS), str(PAYLOAD)])
            return float(said["steps"] / said["cpu"])

        measures[PEER] = theirs
    except CannotMeasure as error:
        note = f"{PEER}: {error}"
    found = rounds(measures, count)
    peer = found.get(PEER)
    ratio = found["ours"] / peer if peer else None
    met = ratio >= TARGET if ratio is not None else None
    sync = {name: median(one[name] for one in syncs) for name in syncs[0]}
    apart = "on disk with fsync {each:,.0f} steps/CPU-s: {count:.0f} a run, {wall_ms:.2f} ms wall".format(
        each=found["with fsync"], count=sync["count"], wall_ms=sync["wall"] * 1000
    )
    note = "; ".join(filter(None, (note, apart)))
    what = "three steps, 4 KiB each, journalled"
    return [Row(what, found["ours"], "steps/CPU-s", PEER, peer, ratio, f">= {TARGET:.0f}x", met, note)]
