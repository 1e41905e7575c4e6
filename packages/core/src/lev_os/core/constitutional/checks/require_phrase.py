"""`require_phrase`: words that must stand in what leaves or comes back.

    - require_phrase: "This is not legal advice."
    - require_phrase: {phrase: "not legal advice", fields: [result.answer.text], ignore_case: true}

Without `fields` it reads the same as `regex`, and of a model's result only the answer. Nothing is required of fields
that are absent: a model that calls a tool has not answered yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..facts import Facts
from .base import FIELDS, Compiled, Fault, Hit
from .regex import Fields

SCHEMA: Final[Mapping[str, Any]] = {
    "description": "Words that must be present.",
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "phrase": {"type": "string", "minLength": 1},
        "fields": FIELDS,
        "ignore_case": {"type": "boolean", "default": False},
    },
    "required": ["phrase"],
    "additionalProperties": False,
}


class _RequirePhrase:
    __slots__ = ("fields", "fold", "named", "phrase")

    def __init__(self, phrase: str, fields: Iterable[str] | None, *, fold: bool) -> None:
        self.named = fields is not None
        self.fields = Fields(fields)
        self.fold = fold
        self.phrase = phrase.casefold() if fold else phrase

    def applies(self, phase: str, kind: str) -> bool:
        return self.fields.applies(phase, kind)

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return True

    def __call__(self, facts: Facts) -> Hit | None:
        fields = self.fields.of(facts.action.phase, facts.action.kind)
        if not self.named and fields == ("result",) and facts.action.kind == "model":
            fields = ("result.answer",)
        parts = [text for field in fields for _, text in facts.texts(field)]
        if not parts:
            return None
        if any(self.phrase in (text.casefold() if self.fold else text) for text in parts):
            return None
        return Hit(
            f"{' and '.join(f'`{field}`' for field in fields)} must say “{self.phrase}”", {"fields": list(fields)}
        )


def compile(argument: Any, *, hard: bool) -> Compiled:
    if isinstance(argument, str):
        return _RequirePhrase(argument, None, fold=False)
    return _RequirePhrase(argument["phrase"], argument.get("fields"), fold=argument.get("ignore_case", False))


def faults(argument: Any) -> Iterable[Fault]:
    return ()
