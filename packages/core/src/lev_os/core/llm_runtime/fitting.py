"""A classifier from a handful of examples: ridge regression with its exact leave-one-out scores.

Ridge regression has a closed form for what each example would have scored had it been left out (Hastie, Tibshirani,
Friedman, "The Elements of Statistical Learning", §7.10). Those honest scores set the temperature of the softmax, so
that a confidence of 0.8 is right about eight times in ten, and the similarity below which a text counts as unlike
any example. Classes weigh the same however many examples they have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_RIDGE = 1.0
_SHARPEST = 12.0
_NOVEL_QUANTILE = 0.05
_NOVEL_FLOOR, _NOVEL_CEILING = 0.15, 0.5


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted classifier over unit vectors. `novelty` is the least cosine to some example that counts as known."""

    examples: Any
    mean: Any
    weights: Any
    bias: Any
    sharpness: float
    novelty: float

    def probabilities(self, vectors: Any) -> Any:
        """Rows of class probabilities, (n, classes), for rows of unit vectors."""
        return softmax(self.sharpness * ((vectors - self.mean) @ self.weights + self.bias))

    def nearest(self, vector: Any) -> tuple[int, float]:
        """The index of the example nearest to a unit vector, and their cosine."""
        similarities = self.examples @ vector
        index = int(similarities.argmax())
        return index, float(similarities[index])


def fit(vectors: Any, classes: Any, count: int) -> Fit:
    """Fit unit row vectors (n, d) to class indexes (n); every class in `range(count)` has an example."""
    import numpy as np

    n = len(vectors)
    sizes = np.bincount(classes, minlength=count)
    weight = (n / (count * sizes))[classes]
    share = weight / weight.sum()
    targets = np.eye(count)[classes] * 2.0 - 1.0
    mean, bias = share @ vectors, share @ targets
    root = np.sqrt(weight)[:, None]
    rows, goals = root * (vectors - mean), root * (targets - bias)
    kernel = rows @ rows.T
    dual = np.linalg.solve(kernel + _RIDGE * np.eye(n), goals)
    influence = np.linalg.solve(kernel + _RIDGE * np.eye(n), kernel).diagonal() + share
    fitted = kernel @ dual / root + bias
    left_out = targets - (targets - fitted) / np.maximum(1.0 - influence, 0.05)[:, None]
    return Fit(
        examples=vectors,
        mean=mean,
        weights=rows.T @ dual,
        bias=bias,
        sharpness=_sharpness(left_out, classes, weight),
        novelty=_novelty(vectors),
    )


def softmax(scores: Any) -> Any:
    """Row-wise softmax."""
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _sharpness(scores: Any, classes: Any, weight: Any) -> float:
    """The inverse temperature under which the left-out examples are likeliest."""
    import numpy as np

    def loss(sharpness: float) -> float:
        chance = softmax(sharpness * scores)[np.arange(len(classes)), classes]
        return float(-(weight * np.log(chance + 1e-9)).sum())

    return min((float(value) for value in np.geomspace(0.1, _SHARPEST, 40)), key=loss)


def _novelty(vectors: Any) -> float:
    """The similarity that all but a few examples have to their nearest fellow."""
    import numpy as np

    similarity = vectors @ vectors.T - 2.0 * np.eye(len(vectors))
    return float(np.clip(np.quantile(similarity.max(axis=1), _NOVEL_QUANTILE), _NOVEL_FLOOR, _NOVEL_CEILING))
