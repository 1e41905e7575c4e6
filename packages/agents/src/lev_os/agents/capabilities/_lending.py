"""Capabilities that only say something and lend tools, and the gate that does so in their place.

Pydantic AI asks every capability of an agent at every hook, each with a copy of the run's context, whether it has
something to do there or not. A capability that has not is spared that: the gate, which is asked anyway, takes over
its instructions and tools when the agent is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import AbstractCapability, CombinedCapability
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset


class Lender(AbstractCapability[Any]):
    """A capability without hooks: what it says and lends is the same in every run."""

    def get_instructions(self) -> list[str] | None:
        return None

    def get_toolset(self) -> AbstractToolset[Any] | None:
        return None

    def for_agent(self, agent: AbstractAgent[Any, Any]) -> AbstractCapability[Any]:
        return CombinedCapability([]) if any(one is self for one in _lenders(agent)) else self

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None


class Carrier(AbstractCapability[Any]):
    """A capability with hooks, which may say and lend what those without have to say and lend."""

    carried: Sequence[Lender] = ()

    def get_instructions(self) -> list[str] | None:
        return _said(self.carried) or None

    def get_toolset(self) -> AbstractToolset[Any] | None:
        lent = [toolset for one in self.carried if (toolset := one.get_toolset()) is not None]
        return CombinedToolset(lent) if len(lent) > 1 else lent[0] if lent else None

    def carrying(self, agent: AbstractAgent[Any, Any]) -> Sequence[Lender]:
        """What this one is to carry of an agent that is being made."""
        return _lenders(agent) if _carrier(agent) is self else ()


def _lenders(agent: AbstractAgent[Any, Any]) -> list[Lender]:
    """The lenders of an agent that is being made whose carrier stands among its capabilities.

    None when somebody else has instructions too, or puts them otherwise: all are then said by whom they are from, in
    the order in which they are given.
    """
    held = agent.root_capability
    lenders = [one for one in held.capabilities if isinstance(one, Lender)]
    if not lenders or _carrier(agent) is None or (held.get_instructions() or []) != _said(lenders):
        return []
    return lenders


def _carrier(agent: AbstractAgent[Any, Any]) -> Carrier | None:
    return next((one for one in agent.root_capability.capabilities if isinstance(one, Carrier)), None)


def _said(lenders: Sequence[Lender]) -> list[str]:
    return [text for one in lenders for text in one.get_instructions() or ()]
