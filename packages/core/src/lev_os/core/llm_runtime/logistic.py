"""Multinomial logistic regression, fitted by L-BFGS.

The method is Nocedal, Wright, "Numerical Optimization" (2nd ed.), algorithms 7.4 and 3.1. The loss is the sum of the
examples' weighted cross-entropies and `|weights|² / (2 · strength)`; the bias is free.
"""

from __future__ import annotations

from collections import deque
from typing import Any

_MEMORY = 8
_STEPS = 300
_FLAT = 0.03
"""The largest partial derivative at which the loss counts as least."""
_SUFFICIENT = 1e-4
_SHORTEST = 1e-4


def fit(vectors: Any, targets: Any, weight: Any, strength: float) -> Any:
    """Coefficients (d + 1, classes), float32, the bias in the last row.

    `vectors` (n, d), `targets` (n, classes) of zeros and ones, `weight` (n) of each example.
    """
    import numpy as np

    n, d = vectors.shape
    rows = np.hstack([vectors, np.ones((n, 1))]).astype(np.float32)
    goals = targets.astype(np.float32)
    share = weight[:, None].astype(np.float32)
    penalty = np.full((d + 1, 1), 1 / strength, dtype=np.float32)
    penalty[-1] = 0

    def loss_and_slope(at: Any) -> tuple[float, Any]:
        scores = rows @ at
        highest = scores.max(axis=1, keepdims=True)
        powers = np.exp(scores - highest)
        total = powers.sum(axis=1, keepdims=True)
        likelihood = share * (np.log(total) + highest - (goals * scores).sum(axis=1, keepdims=True))
        return float(likelihood.sum() + 0.5 * (penalty * at * at).sum()), rows.T @ (
            share * (powers / total - goals)
        ) + penalty * at

    point = np.zeros((d + 1, targets.shape[1]), dtype=np.float32)
    loss, slope = loss_and_slope(point)
    past: deque[tuple[Any, Any, float]] = deque(maxlen=_MEMORY)
    for _ in range(_STEPS):
        if np.abs(slope).max() < _FLAT:
            break
        way = _direction(slope, past)
        descent, length = float((slope * way).sum()), 1.0
        while True:
            ahead = point + length * way
            new_loss, new_slope = loss_and_slope(ahead)
            if new_loss <= loss + _SUFFICIENT * length * descent or length < _SHORTEST:
                break
            length /= 2
        moved, turned = ahead - point, new_slope - slope
        curvature = float((moved * turned).sum())
        if curvature > 0:
            past.append((moved, turned, curvature))
        point, loss, slope = ahead, new_loss, new_slope
    return point


def softmax(scores: Any) -> Any:
    """Row-wise softmax."""
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _direction(slope: Any, past: deque[tuple[Any, Any, float]]) -> Any:
    """Minus the slope, times the inverse of the curvature that the last steps have shown."""
    import numpy as np

    if not past:
        return -slope * (10 / max(float(np.abs(slope).sum()), 1.0))
    way, shares = -slope, []
    for moved, turned, curvature in reversed(past):
        share = float((moved * way).sum()) / curvature
        shares.append(share)
        way = way - share * turned
    _, turned, curvature = past[-1]
    way = way * (curvature / float((turned * turned).sum()))
    for (moved, turned, curvature), share in zip(past, reversed(shares), strict=True):
        way = way + (share - float((turned * way).sum()) / curvature) * moved
    return way
