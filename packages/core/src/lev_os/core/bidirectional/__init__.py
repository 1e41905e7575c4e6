"""One flow, two drivers: the machine, its journal, and what carries out effects."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .effects import Effect as Effect
    from .effects import Failure as Failure
    from .effects import Outcome as Outcome
    from .effects import Step as Step
    from .machine import Machine as Machine
    from .machine import UnknownToken as UnknownToken

_HOMES = {
    "Effect": "effects",
    "Failure": "effects",
    "Machine": "machine",
    "Outcome": "effects",
    "Step": "effects",
    "UnknownToken": "machine",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
