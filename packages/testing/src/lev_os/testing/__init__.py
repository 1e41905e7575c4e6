"""Leviathan for pytest: scripted models and fixtures for flows.

`lev_os.testing.plugin` registers the fixtures `lev_model`, `lev_run` and `lev_no_network`. Names here load on first
use, so that coverage tools see the core being imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .scripted import Reply as Reply
    from .scripted import ScriptedModel as ScriptedModel

__all__ = ["Reply", "ScriptedModel"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import scripted

    return getattr(scripted, name)
