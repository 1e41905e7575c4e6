"""One ranking for every backend: words, meaning, neighbours, session, speaker and time in one sum.

All inputs are arrays over the candidates of one question, and all candidates have passed the gates (scope, moment,
filter), so what a caller may not see has no influence on what he sees. Each measure is scaled to 0..1 over the
candidates. The base of a record is the mean of its words (BM25) and its meaning (cosine; with the turn before it
counted in). It then gains from the bases of its neighbours in the session, more from a question that it may be the
answer to, from the words of its whole session, when its speaker is named, and when it lies in the time that is spoken
of. It loses when it is a question itself: what is asked is seldom what is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part counts. Found on English conversations, and held coarse; `docs/memory-search.md` has figures."""

    dense: float = 0.5
    before: float = 0.3
    after: float = 0.15
    answer: float = 0.2
    question: float = -0.2
    session: float = 0.3
    speaker: float = 0.15
    period: float = 0.3


@dataclass(frozen=True, slots=True)
class Features:
    """Measures of the candidates: arrays of one length. `before` and `after` are positions in them, -1 for none.

    `cosine` is None without vectors. `question` tells which candidates end in a question mark; `speaker` and `period`
    are masks, None when the question that is asked names neither.
    """

    words: Any
    session_words: Any
    cosine: Any | None
    before: Any
    after: Any
    question: Any
    speaker: Any | None = None
    period: Any | None = None


def rank(features: Features, weights: Weights = Weights()) -> dict[str, Any]:
    """The parts of every candidate's score, each an array: their sum is the score."""
    words = scaled(features.words)
    parts: dict[str, Any] = {}
    if features.cosine is None:
        base = words
        parts["words"] = words
    else:
        meaning = _meaning(features.cosine, features.before)
        parts["words"] = (1 - weights.dense) * words
        parts["meaning"] = weights.dense * meaning
        base = parts["words"] + parts["meaning"]
    parts["neighbours"] = weights.before * _taken(base, features.before) + weights.after * _taken(base, features.after)
    parts["neighbours"] += weights.answer * _taken(base * features.question, features.before)
    parts["session"] = weights.session * scaled(features.session_words)
    for name, mask, weight in (
        ("question", features.question, weights.question),
        ("speaker", features.speaker, weights.speaker),
        ("period", features.period, weights.period),
    ):
        if mask is not None:
            parts[name] = weight * mask.astype(np.float32)
    return parts


def scaled(values: Any) -> Any:
    """Values brought to 0..1. Where all are the same nothing tells them apart: 1 if they are above 0, else 0."""
    if not len(values):
        return values
    low, high = values.min(), values.max()
    return (values > 0).astype(np.float32) if high - low < 1e-9 else (values - low) / (high - low)


def best(scores: Any, k: int) -> Any:
    """The positions of the `k` highest scores, best first; of equals, the first."""
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        some = np.flatnonzero(scores >= threshold)
    else:
        some = np.arange(len(scores))
    return some[np.argsort(-scores[some], kind="stable")][:k]


def distinct(values: Any) -> Any:
    """The values of a new array, ascending and each once. `np.unique` hashes integers, which takes far longer."""
    values.sort()
    first = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def _meaning(cosine: Any, before: Any) -> Any:
    """The mean of the record's own cosine and that of it together with the turn before."""
    together = cosine + np.where(before >= 0, cosine[before], 0)
    return 0.5 * scaled(cosine) + 0.5 * scaled(together)


def _taken(values: Any, places: Any) -> Any:
    """The values at the places, 0 where there is none."""
    return np.where(places >= 0, values[places], 0)
