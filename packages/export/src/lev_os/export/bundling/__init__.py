"""The bundler: the contexts of packages and the texts of folders that answer a task, within a budget of tokens.

Every name here loads on first use: a bundle that is remembered needs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundler import bundle as bundle
    from .model import FORMATS as FORMATS
    from .model import Bundle as Bundle
    from .model import Format as Format
    from .model import Part as Part

_HOMES = {"FORMATS": "model", "Bundle": "model", "Format": "model", "Part": "model", "bundle": "bundler"}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value
