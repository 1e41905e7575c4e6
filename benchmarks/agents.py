"""An agent of Pydantic AI that holds to a constitution and speaks with contexts, beside the bare agent: CPU of a run.

With Pydantic AI's own TestModel, which costs nothing: with a real model, the waiting is all that is felt.
"""

from __future__ import annotations

from statistics import median

from .measure import own, worker
from .table import Row

TARGET = 1.3
RUNS = 150
_NAMES = {"text": "agent, one answer", "tool": "agent, one tool call"}


def measure(count: int) -> list[Row]:
    rounds = [worker(own("agents", RUNS)) for _ in range(count)]
    rows: list[Row] = []
    for key, name in _NAMES.items():
        figures = {kind: median(one[key][kind] for one in rounds) for kind in rounds[0][key]}
        ratio = {
            kind: median(one[key][kind] / one[key]["bare"] for one in rounds) for kind in ("gate", "gate and contexts")
        }
        rows += [
            Row(f"{name}, bare", figures["bare"], "CPU ms"),
            Row(f"{name}, gate", figures["gate"], "CPU ms", note=f"{ratio['gate']:.2f} times the bare agent"),
            Row(
                f"{name}, gate and contexts",
                ratio["gate and contexts"],
                "times the bare agent",
                target=f"<= {TARGET}",
                met=ratio["gate and contexts"] <= TARGET,
            ),
        ]
    return rows
