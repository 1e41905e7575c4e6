"""The cases of a plain `switch` against the values that it can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .types import Type


def covers(found: Type, cases: Mapping[str, Any]) -> bool:
    """Whether a plain `switch` over such a value always takes one of its cases."""
    return unhandled(found, cases) == ()


def unhandled(found: Type, cases: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The values for which a plain `switch` has no case; None when they cannot be counted."""
    if found.kinds == {"bool"}:
        return tuple(text for text in ("true", "false") if text not in cases)
    if found.values is None or found.kinds - {"string", "null"}:
        return None
    missing = [str(value) for value in sorted(map(str, found.values)) if value not in cases]
    return (*missing, "null") if "null" in found.kinds and "null" not in cases else tuple(missing)
