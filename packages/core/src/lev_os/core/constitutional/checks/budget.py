"""`budget`: what all calls of a run may come to.

    - budget: {calls: 5}
    - budget: {field: args.amount, total: 500, tools: ["*/tools/refund"]}

Every call that was let out counts, the one in flight too; attempts of a tool declared idempotent count once. A call
without the field adds nothing; a value that is no number is refused; a negative one gives nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ..facts import MISSING, Facts, tool_name
from .base import FIELDS, SELECTOR, Compiled, Fault, Hit, Selector
from .windows import once_per_key

SCHEMA: Final[Mapping[str, Any]] = {
    "description": "What all calls of a run may come to.",
    "type": "object",
    "properties": {
        "calls": {"type": "integer", "minimum": 0},
        "field": {**FIELDS["items"], "description": "A path to a number."},
        "total": {"type": "number", "minimum": 0},
        **SELECTOR,
    },
    "dependentRequired": {"field": ["total"], "total": ["field"]},
    "additionalProperties": False,
}


@dataclass(slots=True)
class _Spent:
    calls: int = 0
    total: Decimal = Decimal(0)
    keys: set[str] = field(default_factory=set)


class _Budget:
    def __init__(self, argument: Mapping[str, Any], selects: Selector) -> None:
        self.calls: int | None = argument.get("calls")
        self.field: str | None = argument.get("field")
        self.total = Decimal(str(argument.get("total", 0)))
        self.selects = selects

    def applies(self, phase: str, kind: str) -> bool:
        return phase == "tool" and kind == "tool"

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return self.selects.of(effects, names)

    def __call__(self, facts: Facts) -> Hit | None:
        if not self.selects(facts):
            return None
        action = facts.action
        spent: _Spent = facts.history.states.get(self) or _Spent()
        if once_per_key(action) and action.key in spent.keys:
            return None
        name = tool_name(action)
        if self.calls is not None and spent.calls + 1 > self.calls:
            return Hit(
                f"`{name}` would be call {spent.calls + 1} of at most {self.calls} in this run", {"calls": spent.calls}
            )
        amount = self._amount(facts)
        if self.field is not None and amount and spent.total + amount > self.total:
            total = spent.total + amount
            message = f"`{self.field}` would come to {total} in this run, of at most {self.total}"
            return Hit(message, {"field": self.field, "spent": float(spent.total), "asked": float(amount)})
        return None

    def observe(self, facts: Facts) -> None:
        if not self.selects(facts):
            return
        spent: _Spent = facts.history.states.setdefault(self, _Spent())
        if once_per_key(facts.action):
            if facts.action.key in spent.keys:
                return
            spent.keys.add(facts.action.key)
        spent.calls += 1
        try:
            spent.total += self._amount(facts)
        except ValueError:
            spent.total = Decimal("Infinity")  # nobody knows what was spent, so nothing is left

    def _amount(self, facts: Facts) -> Decimal:
        value = MISSING if self.field is None else facts.value(self.field)
        if value is MISSING or value is None:
            return Decimal(0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"`{self.field}` is not a number")
        amount = Decimal(str(value))
        if not amount.is_finite():
            raise ValueError(f"`{self.field}` is not a finite number")
        return max(amount, Decimal(0))


def compile(argument: Any, *, hard: bool) -> Compiled:
    return _Budget(argument, Selector(argument.get("tools"), argument.get("effects"), hard=hard))


def faults(argument: Any) -> Iterable[Fault]:
    if "calls" not in argument and "field" not in argument:
        yield Fault((), "it limits nothing", "write `calls: 5`, or `field: args.amount` with `total: 500`")
