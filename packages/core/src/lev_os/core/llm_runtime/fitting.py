"""A classifier from a handful of examples, with confidences that mean something and a sense for the unknown.

Logistic regression over the examples' vectors. Cross-validation gives every example the scores of a classifier that
has not seen it; on those the temperature of the softmax is set (Guo et al., "On Calibration of Modern Neural
Networks", 2017), so that answers given with a confidence of 0.8 are right eight times in ten. The similarities of the
examples to their nearest fellows set how near a text must come to some example to count as known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from .logistic import fit as fit_logistic
from .logistic import softmax

METHOD = 1
"""Counted up when the same examples would give another fit."""
_STRENGTH = 20.0
_FOLDS = 10
_SHARPNESS = (0.1, 5.0, 60)
"""Least, greatest, and how many are tried."""
_GIVEN_UP = 0.12, 0.03
"""The share of known texts that may be taken for unknown: at most, and where confidence turns away enough already."""
_KNOWN = 0.6
"""The part of the way from chance to sameness from which a text is known in any case."""
_HALF = 0.5
_HIGHEST = 0.99
_FEWEST = 10
"""Held-out answers whose share of right ones says something."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted classifier over unit vectors of d numbers, and what cross-validation found.

    `examples` (n, d), `mean` (d), `coefficients` (d + 1, classes). `novelty` is the least cosine to some example that
    counts as known. Of the n examples, `held_out` (n, classes) are the probabilities under classifiers that have not
    seen them, and `fellows` (n) the cosines to their nearest other example.
    """

    examples: Any
    classes: Any
    mean: Any
    coefficients: Any
    sharpness: float
    novelty: float
    held_out: Any
    fellows: Any

    def probabilities(self, vectors: Any) -> Any:
        """Rows of class probabilities, (n, classes), for rows of unit vectors."""
        return softmax(self.sharpness * _scores(vectors, self.mean, self.coefficients))

    def nearest(self, vectors: Any) -> tuple[Any, Any]:
        """For each row, the index of the example nearest to it, and their cosine."""
        similarities = vectors @ self.examples.T
        index = similarities.argmax(axis=1)
        return index, similarities.max(axis=1)

    def recommended(self, accuracy: float) -> float | None:
        """The least confidence, in hundredths, at which to answer, by the held-out examples; None when none will do.

        An answer must be likelier right than wrong. Confidence was measured on n examples, so it must exceed one half
        by the standard error of a share measured on n; and of all that are answered (those too unlike their fellows
        are not) the share `accuracy` must be right.
        """
        confidence = self.held_out.max(axis=1)
        right = self.held_out.argmax(axis=1) == self.classes
        known = self.fellows >= self.novelty
        lowest = math.ceil(100 * (_HALF + math.sqrt(0.25 / len(confidence))))
        for hundredths in range(lowest, round(100 * _HIGHEST) + 1):
            answered = known & (confidence >= hundredths / 100)
            if answered.sum() >= _FEWEST and right[answered].mean() >= accuracy:
                return hundredths / 100
        return None


def fit(vectors: Any, classes: Any, count: int, background: Any) -> Fit:
    """Fit unit row vectors (n, d) to class indexes (n); every class in `range(count)` has two examples or more.

    `background` (m, d) are vectors of texts about anything: what is no nearer to an example than they are is unknown.
    """
    import numpy as np

    weight = _weights(classes, count)
    scores = np.zeros((len(vectors), count), dtype=np.float32)
    fold = _folds(classes, count)
    for number in range(int(fold.max()) + 1):
        out = fold == number
        mean, coefficients = _fit_once(vectors[~out], classes[~out], count)
        scores[out] = _scores(vectors[out], mean, coefficients)
    sharpness = _sharpness(scores, classes, weight)
    held_out = softmax(sharpness * scores)
    fellows = (vectors @ vectors.T - 2.0 * np.eye(len(vectors))).max(axis=1)
    mean, coefficients = _fit_once(vectors, classes, count)
    return Fit(
        examples=vectors,
        classes=classes,
        mean=mean,
        coefficients=coefficients,
        sharpness=sharpness,
        novelty=_novelty(fellows, held_out, float((background @ vectors.T).max())),
        held_out=held_out,
        fellows=fellows,
    )


def _fit_once(vectors: Any, classes: Any, count: int) -> tuple[Any, Any]:
    import numpy as np

    mean = vectors.mean(axis=0)
    return mean, fit_logistic(vectors - mean, np.eye(count)[classes], _weights(classes, count), _STRENGTH)


def _scores(vectors: Any, mean: Any, coefficients: Any) -> Any:
    return (vectors - mean) @ coefficients[:-1] + coefficients[-1]


def _weights(classes: Any, count: int) -> Any:
    """Classes weigh the same, however many examples they have."""
    import numpy as np

    sizes = np.bincount(classes, minlength=count)
    return (len(classes) / (count * sizes))[classes]


def _folds(classes: Any, count: int) -> Any:
    """The fold of each example: each class is spread over all folds."""
    import numpy as np

    fold = np.zeros(len(classes), dtype=int)
    for number in range(count):
        members = np.flatnonzero(classes == number)
        fold[members] = np.arange(len(members)) % _FOLDS
    return fold


def _sharpness(scores: Any, classes: Any, weight: Any) -> float:
    """The inverse temperature under which the held-out examples are likeliest."""
    import numpy as np

    def loss(sharpness: float) -> float:
        chance = softmax(sharpness * scores)[np.arange(len(classes)), classes]
        return float(-(weight * np.log(chance + 1e-9)).sum())

    return min((float(value) for value in np.geomspace(*_SHARPNESS)), key=loss)


def _novelty(fellows: Any, held_out: Any, chance: float) -> float:
    """The cosine below which a text is unlike any example.

    Few of the examples themselves would be so unlike the others: fewer where confidence turns many away already,
    for then it turns away strangers too. Texts about anything (`chance`) are not nearer, unless half the examples are.
    And what is most of the way from chance to sameness is known, however alike the examples are.
    """
    import numpy as np

    most, least = _GIVEN_UP
    doubted = float((held_out.max(axis=1) < _HALF).mean())
    share = min(max(most - doubted, least), most)
    low = float(fellows.mean()) + float(fellows.std()) * NormalDist().inv_cdf(share)
    return max(min(low, chance + _KNOWN * (1 - chance)), min(chance, float(np.median(fellows))))
