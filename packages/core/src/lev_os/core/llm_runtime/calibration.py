"""How well a condition's local classifier judges: accuracy, coverage, calibration, confusions, and a threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import LevError
from .classifier import ACCURACY, Classifier, Condition
from .client import Request
from .examples import CALIBRATED_FROM, Examples

BINS = 10
_STRICTER = 5
"""How many stricter thresholds a measurement shows beside the one in use."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence, known or not: `low` up to `low + 1 / BINS`. Means are None without a text."""

    low: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: the share of texts that get an answer, and the share of the answers that is right."""

    threshold: float
    coverage: float
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One condition, measured. All figures are shares from 0 to 1.

    `source` says on what: the examples, each judged by a classifier that has not seen it, or a labelled file.
    `accuracy` counts every text, as if none were left to the model; `error` is the expected calibration error over
    `BINS` bins of equal width; `unlike` is the share of texts too unlike any example; `confusions` are (label,
    judged as, how often), the most frequent first. `recommended` is None when no threshold is accurate enough, or when
    the condition is not `calibrated`; `current` is the threshold that the flow states.
    """

    step: str
    labels: Mapping[str, int]
    embedder: str
    source: str
    count: int
    calibrated: bool
    accuracy: float
    error: float
    unlike: float
    novelty: float
    bins: tuple[Bin, ...]
    curve: tuple[Point, ...]
    confusions: tuple[tuple[str, str, int], ...]
    current: Point | None
    recommended: Point | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A condition without a local tier, and why."""

    step: str
    labels: Mapping[str, int]
    notes: tuple[str, ...]


def calibrate(
    classifier: Classifier,
    request: Request,
    labelled: Sequence[tuple[str, str]] | None = None,
    *,
    accuracy: float = ACCURACY,
) -> Calibration | NotMeasured:
    """Measure one condition, given as a judge's request, on its examples or on (text, label) pairs.

    The recommended threshold always comes from the examples, so that labelled texts can confirm or refute it. Raises
    `LevError` for a label that the condition does not have, `NoModel` or `ModelUnavailable` without an embedder.
    """
    condition = classifier.condition(request)
    if isinstance(condition, Examples):
        sizes = {label: len(texts) for label, texts in condition.texts.items()}
        return NotMeasured(request["step"], sizes, (*_contradictions(condition), condition.lacking or ""))
    chances, similarity, truth, source = _judged(condition, classifier, labelled, request["step"])
    best = chances.argmax(axis=1)
    confidence, right = chances.max(axis=1), best == truth
    known = similarity >= condition.fit.novelty
    calibrated = condition.examples.calibrated
    threshold = condition.fit.recommended(accuracy) if calibrated else None
    notes = [*_contradictions(condition.examples)]
    if not calibrated:
        notes.append(
            f"{condition.examples.count} examples are too few to calibrate ({CALIBRATED_FROM} are needed): only plain "
            "answers count, and no threshold is met"
        )
    elif threshold is None:
        notes.append(f"no threshold makes {accuracy:.0%} of the answers right: add examples, or tell the labels apart")

    def point(at: float) -> Point:
        answered = known & (confidence >= at)
        return Point(at, float(answered.mean()), float(right[answered].mean()) if answered.any() else None)

    bins = _bins(confidence, right)
    stated = request.get("confidence")
    wrong = Counter((condition.labels[t], condition.labels[b]) for t, b in zip(truth, best, strict=True) if t != b)
    return Calibration(
        step=request["step"],
        labels={label: len(texts) for label, texts in condition.examples.texts.items()},
        embedder=condition.decided_by.removeprefix("classifier:"),
        source=source,
        count=len(truth),
        calibrated=calibrated,
        accuracy=float(right.mean()),
        error=sum(b.count * abs((b.confidence or 0) - (b.accuracy or 0)) for b in bins) / len(truth),
        unlike=float((~known).mean()),
        novelty=condition.fit.novelty,
        bins=bins,
        curve=tuple(point(tenths / 10) for tenths in range(_STRICTER, 10)),
        confusions=tuple((*pair, times) for pair, times in sorted(wrong.items(), key=lambda item: (-item[1], item[0]))),
        current=None if stated is None else point(float(stated)),
        recommended=None if threshold is None else point(threshold),
        notes=tuple(notes),
    )


def _judged(
    condition: Condition, classifier: Classifier, labelled: Sequence[tuple[str, str]] | None, step: str
) -> tuple[Any, Any, Any, str]:
    """Probabilities, similarities to the nearest example, true classes, and where the texts come from."""
    import numpy as np

    fit = condition.fit
    if labelled is None:
        return fit.held_out, fit.fellows, fit.classes, "its examples, each judged by a classifier that has not seen it"
    if not labelled:
        raise LevError(
            "there is no labelled text to measure on", help='write lines such as {"text": "…", "label": "…"}'
        )
    unknown = sorted({label for _, label in labelled} - set(condition.labels))
    if unknown:
        help = f"the labels of this condition are {', '.join(condition.labels)}"
        raise LevError(f"the condition {step} has no label {unknown[0]!r}", help=help)
    vectors = classifier.embed([text for text, _ in labelled])
    truth = np.array([condition.labels.index(label) for _, label in labelled])
    return fit.probabilities(vectors), fit.nearest(vectors)[1], truth, "the labelled texts"


def _bins(confidence: Any, right: Any) -> tuple[Bin, ...]:
    import numpy as np

    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        inside = place == number
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (None, None)
        found.append(Bin(number / BINS, count, *means))
    return tuple(found)


def _contradictions(examples: Examples) -> tuple[str, ...]:
    return tuple(f"“{text}” is an example of several labels, so it is left out" for text in examples.contradictory[:5])
