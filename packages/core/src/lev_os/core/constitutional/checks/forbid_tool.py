"""`forbid_tool`: tools that may not be called, by globs or by effects.

    - forbid_tool: ["*/tools/delete_*"]
    - forbid_tool: {effects: [irreversible, spends], tools: ["acme_support/*"], unless: [approval]}

With `tools` and `effects` both, a tool must meet both. With `on_violation: escalate` the call waits for a person.
`unless` names approvals that lift it: a wait of the flow that showed a person all of the call's arguments
(`approval` is any wait, another name the wait so named), or the approval of this very call. One yes is good for one
call and its retries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ...tools import TOOL_EFFECTS
from ..facts import UNDECLARED, Facts, tool_name
from .base import NAMES, SELECTOR, Compiled, Fault, Hit, Selector, listing

SCHEMA: Final[Mapping[str, Any]] = {
    "description": "Tools that may not be called.",
    "type": ["array", "object"],
    "items": NAMES["items"],
    "minItems": 1,
    "minProperties": 1,
    "properties": {
        **SELECTOR,
        "unless": {**NAMES, "description": "Approvals that lift it: `approval`, or a wait's name."},
    },
    "anyOf": [{"not": {"type": "object"}}, {"required": ["tools"]}, {"required": ["effects"]}],
    "additionalProperties": False,
}


class _ForbidTool:
    __slots__ = ("selects", "unless")

    def __init__(self, selects: Selector, unless: frozenset[str]) -> None:
        self.selects = selects
        self.unless = unless

    def applies(self, phase: str, kind: str) -> bool:
        return phase == "tool" and kind == "tool"

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return self.selects.of(effects, names)

    def __call__(self, facts: Facts) -> Hit | None:
        if not self.selects(facts) or facts.history.cleared_once(facts.action, self.unless):
            return None
        name = tool_name(facts.action)
        if self.selects.effects is None:
            return Hit(f"`{name}` may not be called", {"tool": name})
        if facts.effects == {UNDECLARED}:
            help = declaration(name) if UNDECLARED in self.selects.effects else None
            return Hit(f"`{name}` declares no effects", {"tool": name, "effects": [UNDECLARED]}, help)
        found = sorted(facts.effects & self.selects.effects)
        return Hit(f"`{name}` has the effects {listing(found)}", {"tool": name, "effects": found})

    def observe(self, facts: Facts) -> None:
        if self.unless and self.selects(facts):
            facts.history.use(facts.action, self.unless)


def declaration(specifier: str) -> str:
    """How to declare the effects of a tool, in words that fit it."""
    function = specifier.rsplit("/", 1)[-1].rsplit(":", 1)[-1].replace("-", "_") or "your_tool"
    return (
        f'write `@tool(effects={{"reads_private"}})` above `def {function}(…)` with the effects it has, or '
        "`@tool(effects=())` if it has none (`from lev_os.core import tool`); the effects are "
        f"{', '.join(sorted(TOOL_EFFECTS))}"
    )


def compile(argument: Any, *, hard: bool) -> Compiled:
    if isinstance(argument, Mapping):
        selects = Selector(argument.get("tools"), argument.get("effects"), hard=hard)
        return _ForbidTool(selects, frozenset(argument.get("unless", ())))
    return _ForbidTool(Selector(tuple(argument), None, hard=hard), frozenset())


def faults(argument: Any) -> Iterable[Fault]:
    return ()
