"""Semantic conditions judged locally: right answers, coverage, calibration, novelty and speed, for both embedders.

Over BANKING77's messages, ten examples an intent; every seed has its own split, and for novelty its own three intents.
Figures are means over the seeds; the worst seed is in the note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from .measure import CannotMeasure, own, worker
from .table import Row

SEEDS = 5
MESSAGES = Path("data/banking77/train.csv")
CHATS = Path("data/locomo/locomo5.json")
ACCURACY = {"wordllama": (0.85, 0.80), "minilm": (0.89, 0.85)}
"""The least accuracy where it answers, and the least coverage."""
ERROR, STRANGERS, CHATTER, FIT_SECONDS, PER_SECOND = 0.04, 0.30, 0.02, 2.0, 3000


def measure(count: int) -> list[Row]:
    return [row for name in ACCURACY for row in _embedder(name)]


def shared(file: Path) -> Path:
    """A data set that is kept beside the project; raises `CannotMeasure` with its name when it is absent."""
    found = next(
        (up / "shared" / file for up in Path(__file__).resolve().parents if (up / "shared" / file).is_file()), None
    )
    if found is None:
        raise CannotMeasure(f"needs ../shared/{file}")
    return found


def _embedder(name: str) -> list[Row]:
    messages, chats = shared(MESSAGES), shared(CHATS)
    try:
        found = worker(own("calibrated", name, messages, chats, SEEDS))
    except CannotMeasure as error:
        return [Row(f"judgement, {name}", None, "", met=False, note=str(error))]
    right, coverage = ACCURACY[name]

    def row(
        what: str,
        key: str,
        unit: str,
        target: str,
        met: Callable[[float], bool],
        worst: Callable[[Sequence[float]], float],
    ) -> Row:
        values = [float(value) for value in found[key]]
        note = f"worst seed {worst(values):.3g}" if len(values) > 1 else ""
        return Row(f"{what}, {name}", mean(values), unit, target=target, met=met(mean(values)), note=note)

    rows = [
        row("77 intents, right where answered", "right", "", f">= {right}", lambda v: v >= right, min),
        row("77 intents, coverage", "coverage", "", f">= {coverage}", lambda v: v >= coverage, min),
        row("77 intents, calibration error", "error", "", f"<= {ERROR}", lambda v: v <= ERROR, max),
        row("3 cases, other intents answered", "strangers", "", f"<= {STRANGERS}", lambda v: v <= STRANGERS, max),
        row("3 cases, chat turns answered", "chatter", "", f"<= {CHATTER}", lambda v: v <= CHATTER, max),
        row("3 cases, their own messages answered", "known", "", "", lambda _: True, min),
    ]
    if name == "wordllama":
        fit = f"<= {FIT_SECONDS:.0f} CPU s"
        rows += [
            row("fitting 77 x 10", "fit", "CPU s", fit, lambda v: v <= FIT_SECONDS, max),
            row("fitted before", "cached", "CPU s", "", lambda _: True, max),
            row("judging", "rate", "per CPU s", f">= {PER_SECOND:,}", lambda v: v >= PER_SECOND, min),
        ]
    return rows
