"""`taint`: values of some origin must not reach tools with some effects.

    - taint: {from: [untrusted, private], to: [writes_external], unless: [approval]}

`from` names labels of values (`untrusted`, `private`, `undeclared`), `to` effects of tools. `unless` names
approvals that clear a value: `approval` is any, another name the wait of that name; only the approval of that very
value counts. What decided that the call happens at all (the path "") is cleared when every argument is.
Under a `hard` principle the label `undeclared` is any label and a tool without a declaration has any effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..facts import MISSING, Facts, tool_name
from .base import EFFECTS, NAMES, Compiled, Fault, Hit, listing, worst_case

LABELS: Final = ("untrusted", "private", "undeclared")
SCHEMA: Final[Mapping[str, Any]] = {
    "description": "Values of some origin must not reach tools with some effects.",
    "type": "object",
    "properties": {
        "from": {"type": "array", "items": {"enum": list(LABELS)}, "minItems": 1, "uniqueItems": True},
        "to": EFFECTS,
        "unless": {**NAMES, "description": "Approvals that clear a value: `approval` is any, else a wait's name."},
    },
    "required": ["from", "to"],
    "additionalProperties": False,
}


class _Taint:
    __slots__ = ("hard", "sinks", "sources", "unless")

    def __init__(self, sources: frozenset[str], sinks: frozenset[str], unless: frozenset[str], *, hard: bool) -> None:
        self.sources, self.sinks, self.unless, self.hard = sources, sinks, unless, hard

    def applies(self, phase: str, kind: str) -> bool:
        return phase == "tool" and kind == "tool"

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return bool(worst_case(effects, self.sinks, hard=self.hard))

    def __call__(self, facts: Facts) -> Hit | None:
        taint = facts.action.taint
        if not taint or not (effects := worst_case(facts.effects, self.sinks, hard=self.hard)):
            return None
        paths = {path: found for path in sorted(taint) if (found := self._reaching(facts, path, taint[path]))}
        if not paths:
            return None
        name = tool_name(facts.action)
        what = "; ".join(f"{_place(path)} is {' and '.join(labels)}" for path, labels in paths.items())
        return Hit(
            f"{what}, and `{name}` {_sink(effects)}",
            {"tool": name, "paths": paths, "to": sorted(effects)},
            "let a person approve that very value before the call" if self.unless else None,
        )

    def _reaching(self, facts: Facts, path: str, labels: frozenset[str]) -> list[str]:
        found = worst_case(labels, self.sources, hard=self.hard)
        return sorted(found) if found and not self._cleared(facts, path) else []

    def _cleared(self, facts: Facts, path: str) -> bool:
        if facts.history.cleared(facts.action, self.unless):
            return True
        value = facts.value(path)  # the path "" leads nowhere: only the whole call can be cleared
        return value is not MISSING and facts.history.shown([value], self.unless)


def _place(path: str) -> str:
    return f"`{path}`" if path else "what led to this call"


def _sink(effects: frozenset[str]) -> str:
    known = effects - {"undeclared"}
    return f"has the effect {listing(known)}" if known else "declares no effects, so the worst is assumed"


def compile(argument: Any, *, hard: bool) -> Compiled:
    return _Taint(
        frozenset(argument["from"]), frozenset(argument["to"]), frozenset(argument.get("unless", ())), hard=hard
    )


def faults(argument: Any) -> Iterable[Fault]:
    return ()
