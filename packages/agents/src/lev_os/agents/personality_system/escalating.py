"""How many lenses look at a question: one, its complement too, four, or all, by how sure the decision is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lev_os.core import LevError

from .selecting import Choice, Lens

LEVELS: Final = (1, 2, 4, 8)
"""How many lenses a level asks: one; its complement as well; two pairs; everybody there is."""
_ENOUGH: Final = (0.9, 0.75, 0.5)
"""From which calibrated confidence on the first, second and third level will do."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure somebody is, 0 to 1. Only a calibrated value is met with a threshold; None is not known at all.

    A decision of a flow has both: `Confidence(decision.confidence, decision.calibrated)`.
    """

    value: float | None = None
    calibrated: bool = False

    def __post_init__(self) -> None:
        if self.value is not None and not 0 <= self.value <= 1:
            raise LevError(f"a confidence lies between 0 and 1, not at {self.value}")


def level_of(confidence: Confidence) -> int:
    """The level to begin with, as an index into `LEVELS`.

    Without a calibrated value it is the second: one lens alone cannot disagree, so it would seem sure of everything.
    """
    if confidence.value is None or not confidence.calibrated:
        return 1
    return next((level for level, enough in enumerate(_ENOUGH) if confidence.value >= enough), len(LEVELS) - 1)


def panel(level: int, choices: Sequence[Choice], among: Sequence[Lens]) -> tuple[Lens, ...]:
    """The lenses of a level: those chosen, each followed by its opposite, then the others in order.

    Every panel begins with the panel of the level below. It is smaller than its level where there are fewer lenses.
    """
    if not 0 <= level < len(LEVELS):
        raise LevError(f"there is no level {level}", help=f"levels are numbered 0 to {len(LEVELS) - 1}")
    known = {lens.specifier: lens for lens in among}
    order: dict[str, Lens] = {}
    for lens in (*(choice.lens for choice in choices), *among):
        order.setdefault(lens.specifier, lens)
        opposite = known.get(lens.opposite) if lens.opposite is not None else None
        if opposite is not None:
            order.setdefault(opposite.specifier, opposite)
    count = len(order) if level == len(LEVELS) - 1 else LEVELS[level]
    return tuple(order.values())[:count]
