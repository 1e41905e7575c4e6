"""Flows that outlive their process and their machine: the durable driver on DBOS."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import cancel as cancel
    from .client import fork as fork
    from .client import result as result
    from .client import resume as resume
    from .client import send as send
    from .client import start as start
    from .database import Database as Database
    from .database import open_database as open_database
    from .workers import worker as worker

_HOMES = {
    "Database": "database",
    "cancel": "client",
    "fork": "client",
    "open_database": "database",
    "result": "client",
    "resume": "client",
    "send": "client",
    "start": "client",
    "worker": "workers",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{home}", __name__), name)
