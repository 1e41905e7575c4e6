"""The shape of `agents/*.yaml`: what is checked is what is published.

Names are those of Pydantic AI's agent specs where the thing is the same: `name`, `description`, `model`,
`instructions`, `output_schema`, `model_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from ..constitutional.checks.taint import LABELS
from ..flowmind._shapes import DURATION

VERSION: Final = 1
_REFERENCE: Final = r"^(?:lev://)?(?:\.|[A-Za-z_][A-Za-z0-9_.]*)/[^\s]+$"
_COUNT: Final[Mapping[str, Any]] = {"type": "integer", "minimum": 1}


def _references(description: str) -> dict[str, Any]:
    items = {"type": "string", "pattern": _REFERENCE}
    return {"type": "array", "items": items, "uniqueItems": True, "description": description}


@lru_cache(maxsize=1)
def agent_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `agents/*.yaml`, version 1. Do not change the result: it is shared."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Leviathan agent",
        "type": "object",
        "properties": {
            "agent": {"const": VERSION, "description": "The version of this format."},
            "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$", "maxLength": 100},
            "description": {"type": "string", "description": "What the agent is for, in a sentence."},
            "model": {
                "type": "string",
                "minLength": 1,
                "description": "`openai:…` and all others of Pydantic AI, `local`, `test`, `script:FILE`; absent: what "
                "the project's settings name.",
            },
            "instructions": {
                "description": "A text, or a list of contexts (by specifier) and texts, in the order of the prompt.",
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
                ],
            },
            "tools": _references("Tools that the agent may call."),
            "flows": _references("Flows that it may start; each is a tool to it."),
            "personalities": _references("Lenses that it may ask for their view."),
            "memory": {
                "type": "object",
                "description": "It may remember and recall; the program that runs it says whose memory is meant.",
                "properties": {
                    "url": {
                        "type": "string",
                        "minLength": 1,
                        "description": "Which memory; absent: `sqlite:///.lev/memory.db`.",
                    },
                    "scope": {
                        "type": "object",
                        "properties": {
                            name: {"type": "string", "minLength": 1}
                            for name in ("tenant", "user", "agent", "session", "project")
                        },
                        "additionalProperties": False,
                        "description": "What is fixed of the scope; what a run is given goes before it.",
                    },
                    "budget": {
                        **_COUNT,
                        "description": "Tokens of what is recalled before the first request; absent: nothing.",
                    },
                },
                "additionalProperties": False,
            },
            "constitution": {
                "type": "string",
                "pattern": _REFERENCE,
                "description": "Holds besides the package's own.",
            },
            "prompts": {
                "type": "array",
                "items": {"enum": list(LABELS)},
                "uniqueItems": True,
                "description": "Labels of what users write; `untrusted` for an agent that answers strangers.",
            },
            "limits": {
                "type": "object",
                "description": "Of one run; reaching one ends it.",
                "properties": {
                    "asks": {**_COUNT, "description": "Requests to the model; absent: 50."},
                    "tool_calls": dict(_COUNT),
                    "tokens": {**_COUNT, "description": "Of all requests and answers together."},
                    "cost": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "description": "US dollars, where prices are known.",
                    },
                    "time": {"type": "string", "pattern": DURATION, "description": "A duration: `30s`, `10m`."},
                },
                "additionalProperties": False,
            },
            "output_schema": {"type": "object", "description": "The JSON Schema of a structured answer."},
            "model_settings": {"type": "object", "description": "Settings of Pydantic AI, such as `temperature`."},
        },
        "required": ["agent", "name"],
        "additionalProperties": False,
    }
