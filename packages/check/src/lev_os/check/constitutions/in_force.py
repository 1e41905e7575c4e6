"""Which principles of some constitutions are in force for what is checked, and what their approvals cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from lev_os.core import Constitution
from lev_os.core.constitutional import Check, Principle
from lev_os.core.constitutional.checks.base import Selector
from lev_os.core.tools import ToolCard

from .states import Approval
from .symbols import Symbol, Symbols

_IN_FLOWS = frozenset({"flow", "run"})


def principles(gates: Iterable[Constitution], phase: str) -> Iterator[Principle]:
    """The principles that see a flow in this phase, each once, however many constitutions inherit it."""
    seen: set[tuple[str, str]] = set()
    for constitution in gates:
        for principle in constitution.principles:
            name = (principle.source, principle.id)
            if name not in seen and phase in principle.phases and principle.artifacts & _IN_FLOWS:
                seen.add(name)
                yield principle


def selector(check: Check, *, hard: bool) -> Selector:
    """Which tool calls a check with `tools` and `effects` is about."""
    if not isinstance(check.argument, Mapping):
        return Selector(tuple(check.argument), None, hard=hard)
    return Selector(check.argument.get("tools"), check.argument.get("effects"), hard=hard)


def effects_of(card: ToolCard) -> frozenset[str]:
    """A tool's declared effects as the gate sees them: `undeclared` alone when there is no declaration."""
    declared = card.declaration.effects
    return frozenset({"undeclared"}) if declared is None else declared


def names_of(card: ToolCard) -> frozenset[str]:
    """What the gate knows a tool by."""
    return frozenset({card.specifier, card.name})


def spends(gates: Iterable[Constitution], card: ToolCard) -> bool:
    """Whether a call of this tool uses up the approval that it leaves on."""
    effects, names = effects_of(card), names_of(card)
    return any(_spends(constitution, effects, names) for constitution in gates)


@lru_cache(maxsize=1024)
def _spends(constitution: Constitution, effects: frozenset[str], names: frozenset[str]) -> bool:
    return any(
        isinstance(check.argument, Mapping)
        and check.argument.get("unless")
        and selector(check, hard=principle.authority == "hard").of(effects, names)
        for principle in constitution.principles
        for check in principle.checks
        if check.kind == "forbid_tool"
    )


def covers(approval: Approval, arguments: Mapping[str, Symbol] | None, symbols: Symbols) -> bool:
    """Whether a person was surely shown all of a call's arguments; no arguments are covered by nothing."""
    return bool(arguments) and all(symbols.covered(value, approval.shown) for value in (arguments or {}).values())
