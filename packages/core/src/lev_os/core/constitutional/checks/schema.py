"""`schema`: a JSON Schema that arguments, request or result must fit.

    - schema: {args: {properties: {amount: {type: number, maximum: 100}}}, tools: ["*/tools/refund"]}
    - schema: {result: {properties: {answer: {type: object, required: [text]}}}}

Only `$ref`s within the schema itself are followed. `args` is read when a tool is called, `request` before any other
effect leaves, `result` when one comes back. `tools` and `effects` narrow it to some tools' calls and results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..facts import MISSING, Facts
from .base import SELECTOR, Compiled, Fault, Hit, Selector

if TYPE_CHECKING:
    from ...schemas import Schema

_TARGETS: Final[Mapping[str, str]] = {"pre": "request", "tool": "args", "post": "result"}
_SCHEMA: Final[Mapping[str, Any]] = {"type": ["object", "boolean"]}
SCHEMA: Final[Mapping[str, Any]] = {
    "description": "JSON Schemas that arguments, request or result must fit.",
    "type": "object",
    "properties": {"args": _SCHEMA, "request": _SCHEMA, "result": _SCHEMA, **SELECTOR},
    "anyOf": [{"required": [name]} for name in _TARGETS.values()],
    "additionalProperties": False,
}


class _Schema:
    def __init__(self, argument: Mapping[str, Any], selects: Selector | None) -> None:
        self.argument = argument
        self.selects = selects

    def applies(self, phase: str, kind: str) -> bool:
        return _TARGETS[phase] in self.argument and (self.selects is None or kind == "tool")

    @cached_property
    def _schemas(self) -> Mapping[str, Schema]:
        return {name: _compiled(self.argument[name]) for name in _TARGETS.values() if name in self.argument}

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return self.selects is None or self.selects.of(effects, names)

    def __call__(self, facts: Facts) -> Hit | None:
        if self.selects is not None and not self.selects(facts):
            return None
        target = _TARGETS[facts.action.phase]
        value = facts.value(target)
        problems = self._schemas[target].problems(None if value is MISSING else value)
        if not problems:
            return None
        return Hit(f"`{target}` does not fit: {problems[0]}", {"problems": list(problems[:10])})


def _compiled(schema: Any) -> Schema:
    from ...schemas import Schema

    return Schema.of(schema)


def compile(argument: Any, *, hard: bool) -> Compiled:
    narrowed = "tools" in argument or "effects" in argument
    return _Schema(argument, Selector(argument.get("tools"), argument.get("effects"), hard=hard) if narrowed else None)


def faults(argument: Any) -> Iterable[Fault]:
    for name in _TARGETS.values():
        if name in argument:
            try:
                _compiled(argument[name])
            except Exception as error:  # whatever the validator dislikes is the author's to mend
                yield Fault(
                    (name,), f"this is no JSON Schema: {str(error).splitlines()[0]}", "only local `$ref`s are followed"
                )
