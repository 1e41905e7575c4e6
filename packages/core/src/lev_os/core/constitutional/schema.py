"""The JSON Schema of `constitution.yaml`: what editors complete and what `Constitution.parse` holds a file to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from .checks import KINDS
from .checks.base import EFFECTS, NAMES
from .checks.taint import LABELS

VERSION: Final = 1
ARTIFACTS: Final = ("context", "flow", "tool", "run")
PHASES: Final = ("pre", "post", "tool")
_FAIL: Final[Mapping[str, Any]] = {
    "enum": ["closed", "open"],
    "default": "closed",
    "description": "What a check that cannot be evaluated leads to: closed, a deny; open, a warning.",
}
_RATE: Final[Mapping[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1}
_TAINT: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"enum": list(LABELS)}},
    "description": "Labels by path: `args.<name>`, or the empty path for what led to the call.",
}
_ACTION: Final[dict[str, Any]] = {
    "phase": {"enum": list(PHASES), "description": "Absent: tool with `tool`, post with `result`, else pre."},
    "kind": {"enum": ["model", "judge", "tool", "wait", "sleep"]},
    "tool": {
        "type": ["string", "object"],
        "properties": {
            "name": {"type": "string"},
            "specifier": {"type": "string"},
            "effects": {**EFFECTS, "minItems": 0},
        },
        "anyOf": [{"not": {"type": "object"}}, {"required": ["name"]}, {"required": ["specifier"]}],
        "additionalProperties": False,
        "description": "The called tool; without `effects` it declares none.",
    },
    "args": {"type": "object", "description": "The tool's arguments."},
    "request": {"type": "object", "description": "The request of another effect: instruction, about, …"},
    "result": {"description": "What came back."},
    "taint": _TAINT,
    "at": {"type": "number", "description": "Seconds."},
}


@lru_cache(maxsize=1)
def constitution_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `constitution.yaml`, version 1. Do not change the result: it is shared."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Leviathan constitution",
        "type": "object",
        "properties": {
            "constitution": {"const": VERSION, "description": "The version of this format."},
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "description": {"type": "string"},
            "extends": {**NAMES, "description": "Constitutions to inherit; what they say may only be tightened."},
            "mode": {"enum": ["enforce", "shadow"], "default": "enforce"},
            "principles": {"type": "array", "items": _principle()},
        },
        "required": ["constitution", "name"],
        "additionalProperties": False,
    }


def _principle() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$", "description": "Such as ACME-001."},
            "statement": {"type": "string", "minLength": 1},
            "rationale": {"type": "string"},
            "authority": {"enum": ["hard", "default", "guideline"], "default": "default"},
            "severity": {"enum": ["error", "warning", "info"], "default": "error"},
            "scope": {
                "type": "object",
                "properties": {
                    "artifacts": {"type": "array", "items": {"enum": list(ARTIFACTS)}, "minItems": 1},
                    "phase": {"type": "array", "items": {"enum": list(PHASES)}, "minItems": 1},
                },
                "additionalProperties": False,
            },
            "checks": {"type": "array", "items": _check()},
            "judge": {
                "type": "object",
                "properties": {
                    "rubric": {"type": "string", "minLength": 1},
                    "min_tpr": _RATE,
                    "min_tnr": _RATE,
                    "fail": _FAIL,
                },
                "required": ["rubric"],
                "additionalProperties": False,
                "description": "A model's opinion; it never lifts what a check objects to.",
            },
            "on_violation": {"enum": ["block", "revise", "warn", "escalate"], "default": "block"},
            "tests": {
                "type": "object",
                "properties": {"violates": _fixtures(), "complies": _fixtures()},
                "additionalProperties": False,
            },
            "maps": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
                "description": "Tags of other catalogues; no claim of compliance.",
            },
        },
        "required": ["id"],
        "additionalProperties": False,
    }


def _check() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**{name: kind.SCHEMA for name, kind in KINDS.items()}, "fail": _FAIL},
        "additionalProperties": False,
    }


def _fixtures() -> dict[str, Any]:
    event = {
        "type": "object",
        "properties": {
            **_ACTION,
            "person": {"type": "string", "description": "The wait that a person answered with yes."},
            "value": {"description": "What the person was shown."},
        },
        "additionalProperties": False,
    }
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                **_ACTION,
                "history": {"type": "array", "items": event, "description": "What left or was approved before."},
                "approved": {"type": "boolean", "description": "A person approved exactly this action."},
            },
            "additionalProperties": False,
        },
        "description": "Actions as data.",
    }
