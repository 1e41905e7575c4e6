"""The classifier that decides semantic conditions locally, and abstains when it is not sure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import canonical
from .client import Request, Result
from .embedding import NAME, open_embedder
from .fitting import Fit, fit

CALIBRATED_FROM = 5
"""Examples that every label needs before a confidence means something."""
_DEFAULT_CONFIDENCE = 0.7
_CLEAR = 0.9
"""What an uncalibrated probability must reach to count as a plain answer."""
_SAME = 0.95
"""The similarity from which a text is one of the examples, whatever the probabilities say."""
_CACHE = 256


@dataclass(frozen=True, slots=True)
class _Condition:
    labels: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    """(label, example), in the order of the fit's rows."""
    fit: Fit
    calibrated: bool
    decided_by: str


class Classifier:
    """Judges by the examples of a condition. Fitted classifiers are kept, by the digest of labels and examples."""

    def __init__(self) -> None:
        self._fitted: OrderedDict[str, _Condition | None] = OrderedDict()

    async def judge(self, request: Request) -> Result:
        """See `Judge.judge`; work takes well under a millisecond once a condition is fitted."""
        return self.decide(request, [request.get("about") or ""])[0]

    def decide(self, request: Request, texts: Sequence[str]) -> list[Result]:
        """Judge many texts under one condition: one result for each, in order."""
        condition = self._condition(request["labels"], request.get("examples") or {})
        if condition is None:
            return [_abstain("fewer than two labels have examples", NAME) for _ in texts]
        wanted = request.get("confidence")
        threshold = _DEFAULT_CONFIDENCE if wanted is None else float(wanted)
        vectors = open_embedder().embed(texts)
        chances = condition.fit.probabilities(vectors)
        return [_result(condition, vector, row, threshold) for vector, row in zip(vectors, chances, strict=True)]

    def _condition(self, labels: Sequence[str], examples: Mapping[str, Sequence[str]]) -> _Condition | None:
        key = canonical.digest({"labels": list(labels), "examples": {name: list(examples[name]) for name in examples}})
        if key in self._fitted:
            self._fitted.move_to_end(key)
            return self._fitted[key]
        self._fitted[key] = condition = _fit(tuple(labels), examples, key)
        if len(self._fitted) > _CACHE:
            self._fitted.popitem(last=False)
        return condition


def _fit(labels: tuple[str, ...], examples: Mapping[str, Sequence[str]], key: str) -> _Condition | None:
    shown = tuple(label for label in labels if examples.get(label))
    if len(shown) < 2:
        return None
    import numpy as np

    embedder = open_embedder()
    texts = tuple((label, text) for label in shown for text in dict.fromkeys(examples[label]))
    classes = np.array([shown.index(label) for label, _ in texts])
    return _Condition(
        labels=shown,
        texts=texts,
        fit=fit(embedder.embed([text for _, text in texts]), classes, len(shown)),
        calibrated=all(len(set(examples.get(label, ()))) >= CALIBRATED_FROM for label in labels),
        decided_by=f"classifier:{NAME}@{canonical.digest([embedder.digest, key])[7:19]}",
    )


def _result(condition: _Condition, vector: Any, chances: Any, threshold: float) -> Result:
    index = int(chances.argmax())
    confidence = round(float(chances[index]), 4)
    nearest, similarity = condition.fit.nearest(vector)
    label, example = condition.texts[nearest]
    evidence = f"most like the example “{_short(example)}” of “{label}” (similarity {similarity:.2f})"
    if similarity < condition.fit.novelty:
        return _abstain(f"unlike any example; {evidence}", condition.decided_by, condition.calibrated)
    enough = threshold if condition.calibrated else _CLEAR
    if similarity >= _SAME:
        index = condition.labels.index(label)
    elif confidence < enough:
        why = f"“{condition.labels[index]}” at {confidence:.2f} is below {enough:.2f}; {evidence}"
        return _abstain(why, condition.decided_by, condition.calibrated, confidence)
    return {
        "label": condition.labels[index],
        "confidence": confidence if condition.calibrated else None,
        "calibrated": condition.calibrated,
        "evidence": evidence,
        "decided_by": condition.decided_by,
    }


def _abstain(why: str, decided_by: str, calibrated: bool = False, confidence: float | None = None) -> Result:
    return {
        "label": None,
        "confidence": confidence if calibrated else None,
        "calibrated": calibrated,
        "evidence": why,
        "decided_by": decided_by,
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
