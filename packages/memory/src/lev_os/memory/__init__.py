"""Leviathan's memory: one interface over unlike backends, search without a key, assembly under a budget.

    async with MemoryManager.open("sqlite:///memory.db") as memory:
        await memory.put([Record(text="Ada prefers tea.", type="semantic")], scope=Scope(tenant="acme"))
        hits = await memory.search("What does Ada drink?", scope=Scope(tenant="acme"))

Every name here loads on first use, so importing this module costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assembly import Assembly as Assembly
    from .assembly import Plan as Plan
    from .assembly import Receipt as Receipt
    from .backends.hybrid.model import Hybrid as Hybrid
    from .backends.hybrid.model import Member as Member
    from .consolidation import Consolidation as Consolidation
    from .consolidation import Policy as Policy
    from .errors import Conflict as Conflict
    from .errors import NotRemembered as NotRemembered
    from .errors import StoreProblem as StoreProblem
    from .errors import Unsupported as Unsupported
    from .manager import MemoryManager as MemoryManager
    from .types import Change as Change
    from .types import Contribution as Contribution
    from .types import Erased as Erased
    from .types import Filter as Filter
    from .types import Hit as Hit
    from .types import Hits as Hits
    from .types import MemoryType as MemoryType
    from .types import Page as Page
    from .types import Record as Record
    from .types import Scope as Scope
    from .types import Stats as Stats

_HOMES = {
    "Assembly": "assembly",
    "Plan": "assembly",
    "Receipt": "assembly",
    "Change": "types",
    "Conflict": "errors",
    "Consolidation": "consolidation",
    "Policy": "consolidation",
    "Contribution": "types",
    "Erased": "types",
    "Filter": "types",
    "Hit": "types",
    "Hits": "types",
    "Hybrid": "backends.hybrid.model",
    "Member": "backends.hybrid.model",
    "MemoryManager": "manager",
    "MemoryType": "types",
    "NotRemembered": "errors",
    "Page": "types",
    "Record": "types",
    "Scope": "types",
    "Stats": "types",
    "StoreProblem": "errors",
    "Unsupported": "errors",
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
