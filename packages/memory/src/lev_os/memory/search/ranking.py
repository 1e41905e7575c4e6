"""One ranking for every backend: words, meaning, neighbours, session, speaker and time in one sum.

All inputs are arrays over the candidates of one question, and all candidates have passed the gates (scope, moment,
filter), so what a caller may not see has no influence on what he sees. Words and meaning count as they are, not
stretched over what the candidates differ by: where hardly anything tells them apart, that is noise. The base of a
record is the mean of its words (the part of the question's that it holds) and its meaning (cosine; with the turn before
it counted in). It then gains from the bases of its neighbours in the session, more from a question that it may be the
answer to, from the words of its whole session, and when it is of the speaker or of the time that the question names.
It loses when it is a question itself: what is asked is seldom what is known. A record that has no session or no
neighbour is not the worse for it: it is a session of its own, beside neighbours like the average.
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
    speaker: float = 0.1
    period: float = 0.3
    named: float = 1.0


@dataclass(frozen=True, slots=True)
class Named:
    """The candidates that are of what a question names: a speaker, a time.

    A name is a word of the question too. `share` is its part of what the question tells records apart by: near 1 when
    every record holds the other words, little when they are rare, or when nearly every record is of what it names.
    """

    mask: Any
    share: float


@dataclass(frozen=True, slots=True)
class Features:
    """Measures of the candidates: arrays of one length. `before` and `after` are positions in them, -1 for none.

    `words` is BM25, and `rarity` the sum of how rare the question's words are: about what a record has that holds each
    of them once. `alone` tells which candidates have no session. `cosine` is None without vectors. `question` tells
    which candidates end in a question mark; `speaker` and `period` are None when the question that is asked names
    neither.
    """

    words: Any
    rarity: float
    session_words: Any
    alone: Any
    cosine: Any | None
    before: Any
    after: Any
    question: Any
    speaker: Named | None = None
    period: Named | None = None


def rank(features: Features, weights: Weights = Weights()) -> dict[str, Any]:
    """The parts of every candidate's score, each an array: their sum is the score."""
    words = features.words / np.float32(features.rarity or 1)
    parts: dict[str, Any] = {}
    if features.cosine is None:
        base = words
        parts["words"] = words
    else:
        meaning = _meaning(features.cosine, features.before)
        parts["words"] = (1 - weights.dense) * words
        parts["meaning"] = weights.dense * meaning
        base = parts["words"] + parts["meaning"]
    usual = base.mean() if len(base) else 0
    before, after = _taken(base, features.before, usual), _taken(base, features.after, usual)
    parts["neighbours"] = weights.before * before + weights.after * after
    parts["neighbours"] += weights.answer * _taken(base * features.question, features.before, 0)
    session = np.where(features.alone, np.minimum(words, 1), _of_the_best(features.session_words))
    parts["session"] = weights.session * session
    parts["question"] = weights.question * features.question.astype(np.float32)
    for name, named, weight in (
        ("speaker", features.speaker, weights.speaker),
        ("period", features.period, weights.period),
    ):
        if named is not None:
            parts[name] = np.float32(weight + weights.named * named.share) * named.mask
    return parts


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


def _of_the_best(values: Any) -> Any:
    """Values as parts of the highest."""
    highest = values.max(initial=0)
    return values / highest if highest > 0 else values


def _meaning(cosine: Any, before: Any) -> Any:
    """The mean of a record's own cosine and that with the turn before; what is negative counts nothing."""
    together = (cosine + _taken(cosine, before, 0)) / 2
    return 0.5 * np.maximum(cosine, 0) + 0.5 * np.maximum(together, 0)


def _taken(values: Any, places: Any, otherwise: Any) -> Any:
    """The values at the places, or what stands for one where there is none."""
    return np.where(places >= 0, values[places], otherwise)
