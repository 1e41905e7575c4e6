"""Leviathan's parts as capabilities of Pydantic AI, for any agent.

`pydantic_ai.Agent("openai:…", capabilities=[capabilities.constitution("acme_support")])`. Every name loads on first
use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._constitution import audit as audit
    from ._constitution import constitution as constitution
    from ._contexts import contexts as contexts
    from ._flows import flows as flows
    from ._memory import memory as memory
    from ._personalities import personalities as personalities

_HOMES = {
    "audit": "_constitution",
    "constitution": "_constitution",
    "contexts": "_contexts",
    "flows": "_flows",
    "memory": "_memory",
    "personalities": "_personalities",
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
