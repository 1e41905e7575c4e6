"""Agents that speak with a package's contexts and hold to its constitution.

Every name here loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import Agent as Agent
    from .ceo_binding import Binding as Binding
    from .errors import AgentFailed as AgentFailed
    from .errors import Denied as Denied
    from .errors import LimitReached as LimitReached
    from .events import Answer as Answer
    from .threads import Thread as Thread

_HOMES = {
    "Agent": "agent",
    "AgentFailed": "errors",
    "Answer": "events",
    "Binding": "ceo_binding",
    "Denied": "errors",
    "LimitReached": "errors",
    "Thread": "threads",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
