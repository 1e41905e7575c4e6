"""One flow, two drivers: the machine, its journal, and what carries out effects."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .driver import Run as Run
    from .effects import Effect as Effect
    from .effects import Failure as Failure
    from .effects import Outcome as Outcome
    from .effects import Step as Step
    from .events import Event as Event
    from .events import RunResult as RunResult
    from .journal import read_journal as read_journal
    from .machine import Machine as Machine
    from .machine import UnknownToken as UnknownToken
    from .replaying import list_runs as list_runs
    from .replaying import replay as replay
    from .running import resume as resume
    from .running import run as run
    from .running import run_sync as run_sync
    from .running import stream as stream

_HOMES = {
    "Effect": "effects",
    "Failure": "effects",
    "Machine": "machine",
    "Outcome": "effects",
    "Run": "driver",
    "RunResult": "events",
    "Event": "events",
    "read_journal": "journal",
    "list_runs": "replaying",
    "replay": "replaying",
    "resume": "running",
    "run": "running",
    "run_sync": "running",
    "stream": "running",
    "Step": "effects",
    "UnknownToken": "machine",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
