"""Streamable HTTP, behind the guard of `lev_os.core.listening`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lev_os.core.listening import Listen
from lev_os.core.listening.serving import serve

from mcp.server.transport_security import TransportSecuritySettings

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server

PATH = "/mcp"


def serve_http(server: Server[Any], listen: Listen) -> None:
    """Serve until interrupted. Raises `LevError` when it may not or cannot listen there."""
    # The guard has looked at Host and Origin before.
    settings = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=settings)
    serve(lambda _: app, listen, name="lev mcp", path=PATH)
