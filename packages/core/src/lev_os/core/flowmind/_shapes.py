"""The shape of every step kind and of a flow's header, in one table: what is checked is what is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

VERSION = 1
MAX_ITERATIONS = 10_000
MAX_CONCURRENCY = 100
DURATION = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"

JsonSchema = dict[str, Any]


def _ref(name: str) -> JsonSchema:
    return {"$ref": f"#/$defs/{name}"}


def _text(description: str) -> JsonSchema:
    return {"type": "string", "minLength": 1, "description": description}


def _count(description: str, maximum: int | None = None) -> JsonSchema:
    bound = {} if maximum is None else {"maximum": maximum}
    return {"type": "integer", "minimum": 1, **bound, "description": description}


def _list_of(items: JsonSchema, description: str) -> JsonSchema:
    return {"type": "array", "items": items, "description": description}


_STEPS = _ref("steps")
_EXPRESSION = {"type": ["string", "boolean"], "description": "A CEL expression, without `${…}`."}
_TIMEOUT = {"type": "string", "pattern": DURATION, "description": "A duration: `500ms`, `30s`, `10m`, `2d`."}
_WITH = {"type": "object", "description": "Arguments by name; strings may hold `${…}`."}
_RETRY = {
    "type": "object",
    "description": "How often and how fast to try again; the wait doubles each time.",
    "properties": {"attempts": _count("Attempts, the first one included.", 20), "backoff": _TIMEOUT},
    "additionalProperties": False,
}
_RETURNS: JsonSchema = {
    "returns": {"type": "object", "description": "The fields of the answer, in shorthand: `name: type`."},
    "returns_schema": {"type": ["object", "boolean"], "description": "The answer's full JSON Schema."},
}
_ABOUT = {"about": {"type": "string", "description": "What it is about, such as `${input.message}`."}}
_CONDITION: JsonSchema = {
    **_ABOUT,
    "confidence": {
        "type": "number", "minimum": 0, "maximum": 1,
        "description": "The threshold, applied to a calibrated confidence only.",
    },
}  # fmt: skip
_TEXTS = _list_of({"type": "string", "minLength": 1}, "Examples.")
_YES_NO: JsonSchema = {
    "examples": {
        "type": "object",
        "properties": {"yes": _TEXTS, "no": _TEXTS},
        "additionalProperties": False,
        "description": "Texts for which the condition holds, and does not.",
    }
}


@dataclass(frozen=True)
class Kind:
    """A step kind: the key that names it is its own name."""

    name: str
    description: str
    properties: Mapping[str, JsonSchema]
    required: tuple[str, ...] = ()

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "description": self.description,
            "properties": {"id": _ref("id"), **self.properties},
            "required": [self.name, *self.required],
            "additionalProperties": False,
        }


_ALL = (
    Kind("ask", "A model answers; `returns` is the answer's schema.", {
        "ask": _text("The instruction."), **_ABOUT, **_RETURNS,
        "tools": _list_of(_ref("reference"), "Tools the model may call while answering."),
        "context": _list_of(_ref("reference"), "Contexts for this step, besides the flow's."),
        "retry": _RETRY, "timeout": _TIMEOUT,
    }),
    Kind("call", "Call a tool.", {"call": _ref("reference"), "with": _WITH, "retry": _RETRY, "timeout": _TIMEOUT}),
    Kind("if", "Branch on a CEL expression.", {"if": _EXPRESSION, "then": _STEPS, "else": _STEPS}, ("then",)),
    Kind("if_semantic", "Branch on a condition that is judged.", {
        "if_semantic": _text("The condition, as a statement."), **_CONDITION, **_YES_NO,
        "then": _STEPS, "else": _STEPS, "uncertain": _STEPS,
    }, ("then", "uncertain")),
    Kind("switch", "Choose a case by a CEL value.", {
        "switch": _EXPRESSION, "default": _STEPS,
        "cases": {"type": "object", "minProperties": 1, "additionalProperties": _STEPS},
    }, ("cases",)),
    Kind("switch_semantic", "Choose a case by classification.", {
        "switch_semantic": _text("What is classified."), **_CONDITION, "uncertain": _STEPS,
        "cases": {"type": "object", "minProperties": 2, "additionalProperties": _ref("case")},
    }, ("cases", "uncertain")),
    Kind("for_each", "Repeat for every item of a list.", {
        "for_each": {"type": "string", "description": "`name in expression`"}, "where": _EXPRESSION, "do": _STEPS,
        "max_concurrency": _count("How many items at once.", MAX_CONCURRENCY),
        "collect": {"description": "The value of each item in the result."},
    }, ("do",)),
    Kind("while", "Repeat while a CEL expression holds.", {
        "while": _EXPRESSION, "max_iterations": _count("The bound.", MAX_ITERATIONS), "do": _STEPS,
    }, ("max_iterations", "do")),
    Kind("while_semantic", "Repeat while a judged condition holds.", {
        "while_semantic": _text("The condition, as a statement."), **_CONDITION, **_YES_NO,
        "max_iterations": _count("The bound.", MAX_ITERATIONS), "do": _STEPS,
    }, ("max_iterations", "do")),
    Kind("parallel", "Run named branches at once.", {
        "parallel": {"type": "object", "minProperties": 1, "additionalProperties": _STEPS},
        "wait_for": {"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]},
    }),
    Kind("flow", "Run another flow.", {"flow": _ref("reference"), "with": _WITH}),
    Kind("wait", "Suspend until a person or another program answers.", {
        "wait": _text("What is waited for."), **_ABOUT, **_RETURNS, "timeout": _TIMEOUT, "on_timeout": _STEPS,
    }),
    Kind("try", "Catch failures of tools, models and sub-flows.", {"try": _STEPS, "catch": _STEPS}, ("catch",)),
    Kind("set", "Set names.", {"set": {"type": "object", "minProperties": 1}}),
    Kind("return", "End the flow with a value.", {"return": {"description": "The output."}}),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}

_HEADER: JsonSchema = {
    "flowmind": {"const": VERSION, "description": "The version of the language."},
    "name": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*$", "maxLength": 100},
    "description": {"type": "string"},
    "input": {"type": "object", "description": "The fields of the input, in shorthand: `name: type`."},
    "input_schema": {"type": "object", "description": "The input's full JSON Schema."},
    "output": {"type": "object", "description": "The fields of the output, in shorthand: `name: type`."},
    "output_schema": {"type": ["object", "boolean"], "description": "The output's full JSON Schema."},
    "context": _list_of(_ref("reference"), "Contexts that are loaded for every `ask`."),
    "limits": {
        "type": "object",
        "description": "Bounds of the whole run; reaching one fails it cleanly.",
        "properties": {
            "asks": _count("Requests to models."), "tool_calls": _count("Calls of tools."),
            "tokens": _count("Tokens in and out."), "time": _TIMEOUT,
        },
        "additionalProperties": False,
    },
    "steps": {"type": "array", "minItems": 1, "items": _ref("step")},
}  # fmt: skip


def _step() -> JsonSchema:
    """The first kind whose key is there decides: one `if` after another, so that errors name that kind's keys."""
    chosen: JsonSchema = {}
    for name in reversed(KINDS):
        chosen = {"if": {"required": [name]}, "then": _ref(name), **({"else": chosen} if chosen else {})}
    return {"type": "object", **chosen}


@cache
def flow_schema() -> JsonSchema:
    """The JSON Schema (2020-12) of a flow document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"FlowMind {VERSION}",
        "type": "object",
        "properties": _HEADER,
        "required": ["flowmind", "name", "steps"],
        "additionalProperties": False,
        "$defs": {
            "id": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "reference": {
                "type": "string",
                "minLength": 1,
                "description": "`./tools/x`, `package/tools/x` or `lev://…`",
            },
            "steps": {"type": "array", "items": _ref("step")},
            "case": {
                "if": {"type": "array"},
                "then": _STEPS,
                "else": {
                    "type": "object",
                    "properties": {"examples": _TEXTS, "then": _STEPS},
                    "required": ["then"],
                    "additionalProperties": False,
                },
            },
            "step": _step(),
            **{kind.name: kind.schema() for kind in KINDS.values()},
        },
    }
