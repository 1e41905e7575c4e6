"""Which results fit which effects: a result is checked here before it is gated and bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..schemas import Schema

UNSURE = "unsure"
"""What a model may answer instead of a label."""
UNCERTAIN = "uncertain"
"""The label of a decision that nobody was sure of."""

Accept = Callable[[Any], tuple[Sequence[str], Any]]
"""Checks a result: the problems found (none: it is accepted) and the value to bind."""

APPROVAL_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "note": {"type": "string"}},
    "required": ["approved"],
}


def accept_approval(value: Any) -> tuple[Sequence[str], Any]:
    """Accepts `{approved: bool, note?: str}` and nothing else."""
    if not isinstance(value, dict) or not isinstance(value.get("approved"), bool):
        return ['an approval is {"approved": true | false, "note": "…"}'], None
    note = value.get("note")
    if note is not None and not isinstance(note, str):
        return ["`note` is a string"], None
    return (), {"approved": value["approved"]} | ({"note": note} if note else {})


def accept_judgement(labels: Sequence[str]) -> Accept:
    """Accepts a judge's result for these labels; for `yes`/`no` also `{holds: true | false | null, …}`."""

    def accept(value: Any) -> tuple[Sequence[str], Any]:
        if isinstance(value, str) or value is None:
            value = {"label": value}
        if not isinstance(value, dict):
            return ["a judgement is an object with `label`, `confidence`, `calibrated`, `evidence`, `decided_by`"], None
        if "holds" in value and "label" not in value and tuple(labels) == ("yes", "no"):
            if value["holds"] is not None and not isinstance(value["holds"], bool):
                return ["`holds` is true, false or null"], None
            value = {**value, "label": "yes" if value["holds"] is True else "no" if value["holds"] is False else None}
        label, confidence = value.get("label"), value.get("confidence")
        if label is not None and label not in labels:
            return [f"`label` is one of {', '.join(labels)}, or null; not {label!r}"], None
        if confidence is not None and not (_is_number(confidence) and 0 <= confidence <= 1):
            return ["`confidence` is a number from 0 to 1, or null"], None
        return (), {**value, "label": label}

    return accept


def judgement_request(
    statement: str, about: str, labels: Sequence[str], *, step: str, purpose: Literal["judge", "principle"]
) -> dict[str, Any]:
    """A question for a model: which label fits the text, or unsure, and why. A principle's labels are its verdicts."""
    question = (
        f"Does the text below violate this rule? Rule: {statement}"
        if purpose == "principle"
        else f"Judge the text below. {statement}"
        if tuple(labels) != ("yes", "no")
        else f"Is this true of the text below? {statement}"
    )
    returns = {
        "type": "object",
        "properties": {"answer": {"enum": [*labels, UNSURE]}, "evidence": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return {
        "purpose": purpose,
        "step": step,
        "instruction": f"{question}\nAnswer with one of: {', '.join([*labels, UNSURE])}.",
        "about": about,
        "context": [],
        "returns": returns,
        "tools": [],
        "turns": [],
        "problems": [],
    }


def accept_verdict_of_model(labels: Sequence[str]) -> Accept:
    """Accepts a model's `{"answer": {"answer": label | "unsure", "evidence"?: …}}`; the label alone will do."""
    allowed = [*labels, UNSURE]

    def accept(value: Any) -> tuple[Sequence[str], Any]:
        answer = value.get("answer") if isinstance(value, dict) else None
        if isinstance(answer, str):
            answer = {"answer": answer}
        if not isinstance(answer, dict) or answer.get("answer") not in allowed:
            return [f"`answer` is one of {', '.join(allowed)}"], None
        said = answer.get("confidence")
        if said is not None and not (_is_number(said) and 0 <= said <= 1):
            return ["`confidence` is a number from 0 to 1, or left out"], None
        return (), {**value, "answer": answer}

    return accept


def fitted(schema: Schema, value: Any) -> tuple[Sequence[str], Any]:
    """What is wrong with a value, an integer beyond 64 bits included, and the value to bind if nothing is."""
    return schema.fit(value)


def anything(value: Any) -> tuple[Sequence[str], Any]:
    """Accepts every value as it is."""
    return (), value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
