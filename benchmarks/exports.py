"""The export resolver beside npm's `resolve.exports`, on the same maps and subpaths."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from . import install
from .generate import CONDITIONS, export_cases
from .measure import PEERS, CannotMeasure, own, rounds, worker
from .table import Row

TARGET = 150_000
PEER = "resolve.exports@2.0.4"


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder) / "cases.json"
        cases.write_text(json.dumps({"conditions": CONDITIONS, "cases": export_cases()}), encoding="utf-8")

        def rate(command: list[str]) -> float:
            said = worker(command)
            return float(said["resolutions"] / said["cpu"])

        measures = {"ours": lambda: rate(own("resolve", cases, 10))}
        note = ""
        try:
            home = install.node("resolve.exports", PEER)
            peer = ["node", str(PEERS / "resolve_exports.mjs"), str(home), str(cases), "10"]
            measures[PEER] = lambda: rate(peer)
        except CannotMeasure as error:
            note = f"{PEER}: {error}"
        found = rounds(measures, count)
    ours, theirs = found["ours"], found.get(PEER)
    ratio = ours / theirs if theirs else None
    target = f">= {TARGET:,} per CPU-s"
    return [Row("export resolver", ours, "per CPU-s", PEER, theirs, ratio, target, ours >= TARGET, note)]
