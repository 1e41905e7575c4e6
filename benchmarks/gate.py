"""The gate on one tool call under 100 principles: regexes, forbidden tools, CEL and taint in equal parts."""

from __future__ import annotations

from .measure import own, rounds, worker
from .table import Row

TARGET_MS = 1.0


def measure(count: int) -> list[Row]:
    found = rounds({"p99": lambda: float(worker(own("judge", 5000))["p99"])}, count)
    met = found["p99"] <= TARGET_MS
    return [Row("gate, 100 principles, p99", found["p99"], "CPU ms", target=f"<= {TARGET_MS:.0f} CPU ms", met=met)]
