"""Three trivial steps without a store: the machine with the baseline constitution beside graphs without any."""

from __future__ import annotations

from collections.abc import Callable

from . import install
from .measure import PEERS, CannotMeasure, own, rounds, worker
from .table import Row

RUNS = 1000
PEER_RUNS = {"langgraph==1.2.22": ("langgraph", 10.0), "pydantic-graph==2.68.0": ("pydantic_graph", 3.0)}


def measure(count: int) -> list[Row]:
    def rate(*command: str) -> float:
        said = worker(command)
        return float(said["steps"] / said["cpu"])

    measures: dict[str, Callable[[], float]] = {"ours": lambda: rate(*own("machine", 3, RUNS))}
    notes: dict[str, str] = {}
    for peer, (name, _) in PEER_RUNS.items():
        try:
            python = install.python(name, peer) / "python"
        except CannotMeasure as error:
            notes[peer] = str(error)
            continue
        command = (str(python), str(PEERS / f"{name}_steps.py"), str(RUNS))
        measures[peer] = lambda command=command: rate(*command)  # type: ignore[misc]
    found = rounds(measures, count)
    rows = []
    for peer, (_, least) in PEER_RUNS.items():
        theirs = found.get(peer)
        ratio = found["ours"] / theirs if theirs else None
        met = ratio >= least if ratio is not None else None
        what = "three steps, no store"
        target = f">= {least:.0f}x"
        rows.append(Row(what, found["ours"], "steps/CPU-s", peer, theirs, ratio, target, met, notes.get(peer, "")))
    return rows
