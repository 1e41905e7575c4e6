"""What other memories hold, as changes that `MemoryManager.take_in` takes: mem0, LangGraph's store, notes, Mastra.

    taken = read_from("mem0", "~/.mem0", scope=Scope(tenant="acme"))
    memory.take_in(taken.changes, scope=scope)

Everything that has a place in a record goes there, and the rest into `data`; what goes nowhere is counted, by reason.
Ids come from what is read, so that reading the same again adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from lev_os.core.errors import LevError

from ..types import Scope
from .taking import TRUST, Taken, Taking

__all__ = ["SOURCES", "TRUST", "Taken", "read_from"]

SOURCES: Mapping[str, str] = {
    "mem0": "its folder (Qdrant's local files, history.db), a history.db, or what get_all() gives as JSON",
    "langgraph": "the SQLite file of an SqliteStore",
    "markdown": "a folder of .md notes",
    "mastra": "its LibSQL file, or postgresql://… of its database",
}
"""Where memories can be read from, and what each is given."""


def read_from(source: str, place: str, *, scope: Scope, trust: float = TRUST) -> Taken:
    """Read what another memory holds; `trust` is given to all of it. Raises `LevError` when nothing can be read."""
    if source not in SOURCES:
        raise LevError(f"{source!r} cannot be read from", help=f"one of {', '.join(SOURCES)}")
    taking = Taking(scope.tenant, trust)
    import_module(f".{source}", __name__).read(place, taking)
    return taking.taken()
