"""What the agreement of a panel is worth, learned from decisions that turned out right or wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .escalating import Confidence

_ENOUGH = 20
"""Decisions of a kind that are needed before a confidence means something; as for conditions of flows."""
_BANDS = 4


@dataclass(frozen=True, slots=True)
class Vote:
    """A decision whose outcome is known: how many lenses were asked, how many chose it, and whether it was right."""

    asked: int
    agreed: int
    right: bool


@dataclass(frozen=True)
class Agreement:
    """From a panel's size and agreement to how often such panels were right.

    Panels of one size whose share falls into the same quarter are counted together; the share of right ones, with one
    right and one wrong added (Laplace's rule of succession), is the confidence. Sizes and quarters with fewer than 20
    decisions stay uncalibrated.
    """

    counts: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """(asked, quarter) to (right, all)."""

    @classmethod
    def fit(cls, votes: Iterable[Vote]) -> Agreement:
        """Learn from decisions whose outcome is known."""
        right: Counter[tuple[int, int]] = Counter()
        seen: Counter[tuple[int, int]] = Counter()
        for vote in votes:
            key = _key(vote.asked, vote.agreed)
            seen[key] += 1
            right[key] += vote.right
        return cls({key: (right[key], count) for key, count in sorted(seen.items())})

    def confidence(self, asked: int, agreed: int) -> Confidence:
        """How often panels like this one were right; uncalibrated, the bare share, when too few are known."""
        right, seen = self.counts.get(_key(asked, agreed), (0, 0))
        if seen < _ENOUGH:
            return Confidence(agreed / asked if asked else None)
        return Confidence((right + 1) / (seen + 2), calibrated=True)


def _key(asked: int, agreed: int) -> tuple[int, int]:
    return asked, min(agreed * _BANDS // asked, _BANDS - 1) if asked else 0
