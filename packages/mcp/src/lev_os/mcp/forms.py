"""A wait as a form that a host can show its person, and the form's answer as the wait's.

Source: elicitation of the Model Context Protocol, 2025-11-25 and 2026-07-28: one level of simple fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 20_000
"""Characters of a form's message. Nobody is asked to approve what cannot be shown whole."""
_SIMPLE = frozenset({"string", "number", "integer", "boolean"})
_KEPT = (
    "type",
    "title",
    "description",
    "default",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "format",
)
_VALUE = "value"
"""The one field of a wait that is no object."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the person reads, and the fields to fill in."""

    message: str
    schema: dict[str, Any]


def form(asked: Mapping[str, Any], problems: Sequence[str] = ()) -> Form | None:
    """The form of a wait's request; None when it has fields that hosts cannot show, or is too long."""
    schema = _schema(asked.get("returns") or {})
    message = _message(asked, problems)
    return None if schema is None or len(message) > LONGEST else Form(message, schema)


def answer(action: str, content: Mapping[str, Any] | None, returns: Mapping[str, Any]) -> tuple[Any] | None:
    """The wait's answer in a tuple; None when the person gave none.

    To decline a yes-or-no question is to say no; any other wait stays open.
    """
    fields = returns.get("properties", {}) if returns.get("type") == "object" else {}
    if action == "accept" and content is not None:
        return (dict(content),) if returns.get("type") == "object" else (content.get(_VALUE),)
    if action == "decline" and _is_boolean(fields.get("approved")):
        filled = {
            name: field["default"] for name, field in fields.items() if isinstance(field, dict) and "default" in field
        }
        blank = {name: "" for name in returns.get("required", ()) if fields.get(name, {}).get("type") == "string"}
        return ({**blank, **filled, "approved": False},)
    return None


def _is_boolean(field: Any) -> bool:
    return isinstance(field, Mapping) and field.get("type") == "boolean"


def _schema(returns: Mapping[str, Any]) -> dict[str, Any] | None:
    whole = returns.get("type") == "object"
    fields = returns.get("properties", {}) if whole else {_VALUE: returns or {"type": "string"}}
    simple = {name: _field(field) for name, field in fields.items()}
    if not simple or any(field is None for field in simple.values()):
        return None
    return {
        "type": "object",
        "properties": simple,
        "required": list(returns.get("required", ())) if whole else [_VALUE],
    }


def _field(field: Any) -> dict[str, Any] | None:
    if not isinstance(field, Mapping):
        return None
    choices = field.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(choice, str) for choice in choices):
        return {**{key: field[key] for key in _KEPT if key in field}, "type": "string"}
    if choices is not None or field.get("type") not in _SIMPLE:
        return None
    return {key: field[key] for key in _KEPT if key in field}


def _message(asked: Mapping[str, Any], problems: Sequence[str]) -> str:
    lines = [f"{asked.get('name') or 'A run'} waits for you."]
    approves = asked.get("for")
    if isinstance(approves, Mapping):
        if approves.get("summary"):
            lines.append(f"What: {approves['summary']}")
        for finding in approves.get("findings") or ():
            lines.append(f"Why: {finding.get('principle')}: {finding.get('message')}")
    about = asked.get("about")
    if about is not None:
        lines.append("About: " + (about if isinstance(about, str) else json.dumps(about, ensure_ascii=False)))
    lines.extend(f"Your last answer does not fit: {problem}" for problem in problems)
    return "\n".join(lines)
