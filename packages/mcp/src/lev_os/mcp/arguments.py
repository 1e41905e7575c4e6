"""The arguments of the flow tools: their schemas for the host, and their check with reasons a model can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lev_os.core import canonical

from .catalog import nearest
from .replies import call

LARGEST: Final = 1 << 20
"""Bytes of one call's arguments as JSON; the machine refuses larger values anyway."""
DEEPEST: Final = 64
"""Levels of nesting of one call's arguments."""


class _Missing:
    """Stands for an argument that was not given, where null is a value."""


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Argument:
    """`type` is JSON's name of it, or None for any value."""

    type: str | None
    description: str
    required: bool = False
    default: Any = None

    @property
    def schema(self) -> dict[str, Any]:
        return {"description": self.description, **({"type": self.type} if self.type else {})}


@dataclass(frozen=True, slots=True)
class FlowCall:
    """One flow tool: what it says of itself and what it takes."""

    description: str
    arguments: Mapping[str, Argument]
    example: str

    @property
    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: argument.schema for name, argument in self.arguments.items()},
            "required": [name for name, argument in self.arguments.items() if argument.required],
            "additionalProperties": False,
        }


_TOKEN = Argument("string", "the token of the request, unchanged", required=True)
FLOW_CALLS: Final[Mapping[str, FlowCall]] = {
    "flow_start": FlowCall(
        "Start a flow. The reply is its first request to you, or how it ended.",
        {
            "flow": Argument("string", "the flow, package/flows/name", required=True),
            "input": Argument("object", "the flow's input", default={}),
        },
        call("flow_start", flow=..., input=...),
    ),
    "flow_submit": FlowCall(
        "Answer a request with `result` (a value that matches its `returns`), or ask for its tools with `tool_calls`.",
        {
            "token": _TOKEN,
            "result": Argument(None, "the answer; it must match the request's `returns`", default=MISSING),
            "tool_calls": Argument("array", "calls of the request's tools: [{id?, tool, arguments}]"),
        },
        call("flow_submit", token=..., result=...),
    ),
    "flow_status": FlowCall(
        "See where a run stands and get its open request again. `take_over` with the run's `resume` secret moves it "
        "to this host for good.",
        {
            "run": Argument("string", "the run's name", required=True),
            "token": Argument("string", "any token of this run that you were given"),
            "take_over": Argument("boolean", "drive the run from here; earlier tokens end", default=False),
            "resume": Argument("string", "the secret that flow_start gave, for take_over"),
        },
        call("flow_status", run=..., token=...),
    ),
    "flow_cancel": FlowCall(
        "End a run that is not wanted any more.",
        {
            "run": Argument("string", "the run's name", required=True),
            "token": Argument("string", "any current token of this run", required=True),
            "reason": Argument("string", "why, for the journal", required=True),
        },
        call("flow_cancel", run=..., token=..., reason=...),
    ),
}
_PYTHON: Final[Mapping[str, type]] = {"string": str, "object": dict, "array": list, "boolean": bool}


def read_arguments(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A flow tool's arguments with defaults filled in, and every reason why they cannot be used."""
    if (problem := oversized(given)) is not None:
        return {}, [problem]
    spec = FLOW_CALLS[name].arguments
    errors = [f"{name} takes no {key!r}{nearest(key, list(spec))}" for key in given if key not in spec]
    read: dict[str, Any] = {}
    for key, argument in spec.items():
        value = given.get(key, MISSING)
        if value is MISSING or (value is None and argument.type is not None and not argument.required):
            read[key] = argument.default
            if argument.required:
                errors.append(f"{name} needs {key!r}: {argument.description}")
        else:
            read[key] = value
            if argument.type is not None and not isinstance(value, _PYTHON[argument.type]):
                errors.append(f"{key!r} must be {_article(argument.type)}, not {type(value).__name__}")
    return read, errors


def oversized(value: Any) -> str | None:
    """Why a value is too deep or too large to be looked at; None when it is not."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            break
    else:
        return f"the arguments are nested more than {DEEPEST} levels deep"
    try:
        size = len(canonical.encode(value))
    except (TypeError, ValueError, OverflowError) as error:
        return f"the arguments are not plain JSON: {error}"
    return f"the arguments are {size} bytes; at most {LARGEST} are taken" if size > LARGEST else None


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
