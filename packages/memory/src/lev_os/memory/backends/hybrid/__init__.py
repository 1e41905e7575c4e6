"""Memory in several backends at once: `hybrid:PRIMARY|MEMBER#types=semantic&deadline=0.5`, or a `Hybrid`.

The primary memory holds everything and answers whatever must be right: `get`, `query`, the log. Members get copies of
the types that they are for, and add what they find to searches. None can delay a call by more than its deadline.
"""

from __future__ import annotations

from .model import Hybrid, parse
from .store import HybridBackend

__all__ = ["connect"]


async def connect(what: str | Hybrid, embedder: str | None) -> HybridBackend:
    """Open a hybrid memory; see `backends.open_backend`."""
    return await HybridBackend.open(parse(what) if isinstance(what, str) else what, embedder)
