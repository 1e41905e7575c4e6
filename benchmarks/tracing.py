"""What tracing costs the three journalled steps: a tracer provider without an exporter, and one that is heard.

The second has a span processor that does nothing: its figure is the price of four spans a run, two thirds of it the
OpenTelemetry SDK's own, before anything is exported.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from .journalled import MEMORY, PAYLOAD, RUNS
from .measure import own, rounds, worker
from .table import Row

TARGET = 1.1


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        return _measure(count, Path(folder))


def _measure(count: int, folder: Path) -> list[Row]:
    numbers = itertools.count()

    def cpu(*mode: str) -> float:
        path = folder / str(next(numbers))
        path.mkdir()
        said = worker(own("journalled", path, RUNS, PAYLOAD, "no", *mode))
        return float(said["cpu"] / RUNS * 1e6)

    found = rounds({"off": lambda: cpu("imported"), "on": lambda: cpu("traced"), "heard": lambda: cpu("heard")}, count)
    ratio = found["on"] / found["off"]
    note = f"with a span processor that does nothing {found['heard']:.0f} us, {found['heard'] / found['off']:.2f}x"
    what = "three steps, 4 KiB each, journalled, tracing on, no exporter"
    return [
        Row(what, found["on"], "us CPU/run", "tracing off", found["off"], ratio, f"<= {TARGET}x", ratio <= TARGET, note)
    ]
