"""Leviathan over MCP: contexts as resources, tools behind the gate, and flows that the host's model drives.

`serve` is what `lev mcp` runs. The MCP SDK costs about a second to import and is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lev_os.core.listening import Listen, read_token

if TYPE_CHECKING:
    from .desk import Desk
    from .driving import Lent
    from .server import build_server, serve

__all__ = ["Desk", "Lent", "Listen", "build_server", "read_token", "serve"]


def __getattr__(name: str) -> Any:
    if name == "Desk":
        from .desk import Desk

        return Desk
    if name == "Lent":
        from .driving import Lent

        return Lent
    if name in __all__:
        from . import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
