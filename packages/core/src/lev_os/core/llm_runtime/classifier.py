"""The classifier that decides semantic conditions locally, and abstains when it is not sure."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from .. import canonical
from . import store
from .background import SENTENCES
from .client import Request, Result
from .embedding import Embedder, open_embedder
from .examples import CALIBRATED_FROM, Examples, plain, usable
from .fitting import METHOD, Fit, fit

ACCURACY = 0.85
"""The share of right answers that a recommended threshold aims at."""
_CLEAR = 0.9
"""What an uncalibrated probability must reach to count as a plain answer."""
_CACHE = 256


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with what was fitted to its examples.

    `rows` are (label, example), in the order of the fit's rows; `shown` is the label of each example, by its `plain`
    text. `threshold` is the recommended one, None when no threshold is accurate enough.
    """

    examples: Examples
    labels: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    shown: Mapping[str, str]
    fit: Fit
    threshold: float | None
    decided_by: str


class Classifier:
    """Judges by the examples of a condition, with the embedder called `name`.

    Fitted classifiers are kept in memory and in the user's cache folder, by the digest of labels, examples, embedder
    and method. May be used by several threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._fitted: OrderedDict[str, Condition | Examples] = OrderedDict()
        self._lock = Lock()

    async def judge(self, request: Request) -> Result:
        """See `Judge.judge`. What takes long, fitting or a slow embedder, is done in a thread."""
        texts = [request.get("about") or ""]
        found = self._fitted.get(self._key(request))
        if found is not None and open_embedder(self._name).instant:
            return self._judged(found, request, texts)[0]
        return (await asyncio.to_thread(self.decide, request, texts))[0]

    def decide(self, request: Request, texts: Sequence[str]) -> list[Result]:
        """Judge many texts under one condition: one result for each, in order."""
        return self._judged(self.condition(request), request, texts)

    def _judged(self, condition: Condition | Examples, request: Request, texts: Sequence[str]) -> list[Result]:
        if isinstance(condition, Examples):
            return [_abstain(condition.lacking or "", self._name) for _ in texts]
        wanted = request.get("confidence")
        threshold = condition.threshold if wanted is None else float(wanted)
        faults = [_unreadable(text) for text in texts]
        results = [_abstain(fault or "", condition.decided_by) for fault in faults]
        asked = [place for place, fault in enumerate(faults) if fault is None]
        if not asked:
            return results
        vectors = self.embed([texts[place] for place in asked])
        chances = condition.fit.probabilities(vectors)
        nearest = zip(*condition.fit.nearest(vectors), strict=True)
        for place, row, (index, similarity) in zip(asked, chances, nearest, strict=True):
            label = condition.shown.get(plain(texts[place]))
            if label is None:
                results[place] = _result(condition, row, int(index), float(similarity), threshold)
            else:
                results[place] = _answer(condition, label, 1.0, f"it is an example of “{label}”")
        return results

    def condition(self, request: Request) -> Condition | Examples:
        """The condition of a request, fitted; its examples alone when they allow no local tier.

        Raises `NoModel` or `ModelUnavailable` when the embedder cannot be had.
        """
        key = self._key(request)
        with self._lock:
            found = self._fitted.get(key)
            if found is None:
                examples = usable(request["labels"], request.get("examples") or {})
                found = examples if examples.lacking else _fitted(examples, open_embedder(self._name))
                self._fitted[key] = found
            self._fitted.move_to_end(key)
            if len(self._fitted) > _CACHE:
                self._fitted.popitem(last=False)
            return found

    def embed(self, texts: Sequence[str]) -> Any:
        """The vectors of texts, none of them blank; see `Embedder.embed`."""
        return open_embedder(self._name).embed(texts)

    def _key(self, request: Request) -> str:
        examples: Mapping[str, Sequence[str]] = request.get("examples") or {}
        return canonical.digest(
            {"labels": list(request["labels"]), "examples": {k: list(v) for k, v in examples.items()}}
        )


def _fitted(examples: Examples, embedder: Embedder) -> Condition:
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    labels = tuple(sorted(examples.texts))
    rows = tuple((label, text) for label in labels for text in examples.texts[label])
    key = canonical.digest({"examples": rows, "embedder": embedder.digest, "method": METHOD})
    found = store.load(key)
    if found is None:
        vectors = embedder.embed([*(text for _, text in rows), *SENTENCES])
        classes = np.array([labels.index(label) for label, _ in rows])
        # The matrices are small: several threads would spend six times the CPU on waiting for each other.
        with threadpool_limits(1):
            found = fit(vectors[: len(rows)], classes, len(labels), vectors[len(rows) :])
        store.save(key, found)
    if not examples.calibrated:
        # A few examples that all come out right would make every answer certain.
        found = replace(found, sharpness=min(found.sharpness, 1.0))
    return Condition(
        examples=examples,
        labels=labels,
        rows=rows,
        shown={plain(text): label for label, text in rows},
        fit=found,
        threshold=found.recommended(ACCURACY),
        decided_by=f"classifier:{embedder.name}@{key[7:19]}",
    )


def _result(condition: Condition, chances: Any, index: int, similarity: float, threshold: float | None) -> Result:
    best = int(chances.argmax())
    confidence = round(float(chances[best]), 4)
    nearest, example = condition.rows[index]
    evidence = f"most like the example “{_short(example)}” of “{nearest}” (similarity {similarity:.2f})"
    calibrated = condition.examples.calibrated
    if similarity < condition.fit.novelty:
        return _abstain(f"unlike any example; {evidence}", condition.decided_by, calibrated)
    if calibrated and threshold is None:
        return _abstain(f"no threshold is accurate enough; {evidence}", condition.decided_by, True, confidence)
    enough = threshold if calibrated and threshold is not None else _CLEAR
    if confidence < enough:
        why = f"“{condition.labels[best]}” at {confidence:.2f} is below {enough:.2f}; {evidence}"
        return _abstain(why, condition.decided_by, calibrated, confidence)
    return _answer(condition, condition.labels[best], confidence, evidence)


def _answer(condition: Condition, label: str, confidence: float, evidence: str) -> Result:
    calibrated = condition.examples.calibrated
    few = f"; {condition.examples.count} examples are too few to calibrate, {CALIBRATED_FROM} are needed"
    return {
        "label": label,
        "confidence": confidence if calibrated else None,
        "calibrated": calibrated,
        "evidence": evidence if calibrated else evidence + few,
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


def _unreadable(text: str) -> str | None:
    """Why no embedder can read a text."""
    if not text.strip():
        return "there is no text to judge"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"character {error.start + 1} is half of a character (a lone surrogate)"
    return None


def _short(text: str) -> str:
    line = " ".join(text[:400].split())
    return line if len(line) <= 80 else line[:79] + "…"
