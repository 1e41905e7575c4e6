"""The examples of a condition that a classifier may learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import canonical

LOCAL_FROM = 5
"""Examples that every label needs before there is a local tier."""
CALIBRATED_FROM = 20
"""Examples that a condition needs before its confidences are met with a threshold."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Distinct texts by label, and those that were left out because several labels claim them."""

    texts: Mapping[str, tuple[str, ...]]
    contradictory: tuple[str, ...]

    @property
    def count(self) -> int:
        """All examples of all labels."""
        return sum(map(len, self.texts.values()))

    @property
    def calibrated(self) -> bool:
        """Whether there are enough for a confidence that means something."""
        return self.count >= CALIBRATED_FROM

    @property
    def lacking(self) -> str | None:
        """Why there is no local tier, or None when there is one."""
        if len(self.texts) < 2:
            return "a condition with fewer than two labels cannot be classified"
        short = [label for label, texts in self.texts.items() if len(texts) < LOCAL_FROM]
        if not short:
            return None
        others = f" (and {len(short) - 1} more)" if len(short) > 1 else ""
        had = len(self.texts[short[0]])
        return (
            f"no local tier: “{short[0]}”{others} has {had} usable example{'' if had == 1 else 's'}, "
            f"and every label needs {LOCAL_FROM}"
        )


def usable(labels: Sequence[str], examples: Mapping[str, Sequence[str]]) -> Examples:
    """Blank texts, repetitions, and texts that stand under several labels left out.

    The texts of a label come in the same order however they were written: what is fitted depends on it.
    """
    distinct = {
        label: {plain(text): text for text in sorted(examples.get(label) or (), reverse=True)} for label in labels
    }
    claims = Counter(key for texts in distinct.values() for key in texts)
    return Examples(
        texts={
            label: tuple(texts[key] for key in sorted(texts, key=_shuffled) if key and claims[key] == 1)
            for label, texts in distinct.items()
        },
        contradictory=tuple(sorted(key for key, times in claims.items() if times > 1)),
    )


def _shuffled(key: str) -> str:
    """An order that has nothing to do with what the texts say: neighbours in it are held out apart."""
    return canonical.digest(key)


def plain(text: str) -> str:
    """A text without what tells copies of one sentence apart: case and spaces."""
    return " ".join(text.casefold().split())
