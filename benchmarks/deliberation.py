"""Does it help to ask several lenses? Against one prompt, and against samples of one prompt for the same tokens.

With the local model, which decides badly: the figures say what lenses do for a weak model, and nothing of a strong one.
`decisions.json` holds questions of our own with one right option of two, as often the first as the second.
"""

from __future__ import annotations

from pathlib import Path

from .measure import CannotMeasure, own, worker
from .table import Row

DECISIONS = Path(__file__).with_name("decisions.json")
COUNT = 24


def measure(_rounds: int) -> list[Row]:
    """One pass: the local model is deterministic, its samples have fixed seeds."""
    try:
        found = worker(own("deliberate", DECISIONS, COUNT))
    except CannotMeasure as error:
        return [Row("deliberation", None, "", met=None, note=f"not measured: {error}")]
    count, right, tokens = found["count"], found["right"], found["tokens"]
    note = f"{count} decisions, {found['lenses']:.1f} lenses each, {found['undecided']} undecided; chance is 0.5"
    return [
        Row("right decisions by lenses", right["lenses"] / count, "", "one prompt", right["one"] / count, note=note),
        Row("the same, for the same tokens", right["lenses"] / count, "", "samples of it", right["samples"] / count),
        Row("tokens of a decision by lenses", tokens["lenses"] / count, "", "one prompt", tokens["one"] / count),
    ]
