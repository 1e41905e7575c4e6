"""What a step costs must not depend on how many came before it: 2,000 steps beside 10."""

from __future__ import annotations

from .measure import own, rounds, worker
from .table import Row

SHORT, LONG, TARGET = 10, 2000, 1.2


def measure(count: int) -> list[Row]:
    def microseconds(steps: int, runs: int) -> float:
        said = worker(own("machine", steps, runs))
        return float(said["cpu"] / said["steps"] * 1e6)

    found = rounds(
        {"short": lambda: microseconds(SHORT, 400), "long": lambda: microseconds(LONG, 2)},
        count,
    )
    ratio = found["long"] / found["short"]
    what = f"cost of a step, {LONG:,} steps beside {SHORT}"
    return [
        Row(
            what, found["long"], "CPU us", f"ours, {SHORT} steps", found["short"], None,
            f"<= {TARGET}x the cost", ratio <= TARGET, f"{ratio:.2f}x the cost",
        )
    ]  # fmt: skip
