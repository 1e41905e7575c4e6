"""From one package to every host: bundles within a budget, skills and plugins, the npm twin, typed Python.

Every name here loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundling import Bundle as Bundle
    from .bundling import Part as Part
    from .bundling import bundle as bundle

_HOMES = {
    "Bundle": "bundling",
    "Part": "bundling",
    "bundle": "bundling",
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
