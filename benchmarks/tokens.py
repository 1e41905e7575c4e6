"""Counting tokens beside tiktoken: documents of 4 kB, and 40,000 nasty strings on which both must agree.

tiktoken gets its ranks from the wheel of `bpe-openai`, since it would download them. Loading is not counted.
"""

from __future__ import annotations

import sys

from . import install
from .measure import WORKERS, CannotMeasure, rounds, worker
from .table import Row

PEER = "tiktoken==0.14.0"
RANKS = "bpe-openai==0.1.4"
LEAST = 40.0


def measure(count: int) -> list[Row]:
    script = str(WORKERS / "count_tokens.py")
    note = ""
    measures = {"ours": lambda: float(worker([sys.executable, script, "ours", "speed"])["rate"])}
    differing: int | None = None
    try:
        python = str(install.python("tiktoken", PEER, RANKS) / "python")
        measures[PEER] = lambda: float(worker([python, script, "tiktoken", "speed"])["rate"])
        mine = worker([sys.executable, script, "ours", "fuzz"])["counts"]
        theirs = worker([python, script, "tiktoken", "fuzz"])["counts"]
        differing = sum(a != b for a, b in zip(mine, theirs, strict=True))
    except CannotMeasure as error:
        note = str(error)
    found = rounds(measures, count)
    peer = found.get(PEER)
    ours = found["ours"]
    rows = [
        Row(
            "tokens counted, documents of 4 kB",
            ours,
            "MB/CPU-s",
            PEER,
            peer,
            ours / peer if peer else None,
            f">= {LEAST:.0f}",
            ours >= LEAST,
            note,
        )
    ]
    if differing is not None:
        rows.append(Row("other counts of 40,000 strings", differing, "", PEER, target="0", met=differing == 0))
    return rows
