"""Semantic conditions judged locally: right answers, coverage, calibration, novelty and speed, for both embedders.

Over BANKING77's messages, ten examples an intent; every seed has its own split, and six switches of three intents.
Figures are means over the seeds; the worst seed is in the note.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from .measure import CannotMeasure, own, worker
from .table import Row

SEEDS = 5
MESSAGES = Path("data/banking77/train.csv")
CHATS = Path("data/locomo/locomo5.json")
LOCAL = {
    "wordllama": {"right": 0.85, "coverage": 0.80, "fit": 2.0, "rate": 3000},
    "minilm": {"right": 0.89, "coverage": 0.85},
}
"""Targets that differ between the embedders."""
FIGURES = (
    # what, key, unit, whether more is better, target of both
    ("77 intents, right where answered", "right", "", True, None),
    ("77 intents, coverage", "coverage", "", True, None),
    ("77 intents, calibration error", "error", "", False, 0.04),
    ("3 cases, other intents answered", "strangers", "", False, 0.30),
    ("3 cases, chat turns answered", "chatter", "", False, 0.02),
    ("3 cases, their own messages answered", "known", "", True, None),
    ("fitting 77 x 10", "fit", "CPU s", False, None),
    ("fitted before", "cached", "CPU s", False, None),
    ("judging", "rate", "per CPU s", True, None),
)


def measure(count: int) -> list[Row]:
    shared = next((up / "shared" for up in Path(__file__).resolve().parents if (up / "shared").is_dir()), None)
    data = [] if shared is None else [shared / MESSAGES, shared / CHATS]
    if not data or not all(file.is_file() for file in data):
        return [Row("judgement", None, "", note=f"skipped: needs ../shared/{MESSAGES} and ../shared/{CHATS}")]
    return [row for name in LOCAL for row in _embedder(name, data)]


def _embedder(name: str, data: Sequence[Path]) -> list[Row]:
    try:
        found = worker(own("calibrated", name, *data, SEEDS))
    except CannotMeasure as error:
        return [Row(f"judgement, {name}", None, "", met=False, note=str(error))]
    rows = []
    for what, key, unit, more, common in FIGURES:
        values: list[float] = found[key]
        if not values:
            continue
        target, ours = LOCAL[name].get(key, common), mean(values)
        met = None if target is None else ours >= target if more else ours <= target
        shown = "" if target is None else f"{'>=' if more else '<='} {target:,g}"
        note = f"worst seed {(min if more else max)(values):.3g}"
        rows.append(Row(f"{what}, {name}", ours, unit, target=shown, met=met, note=note))
    return rows
