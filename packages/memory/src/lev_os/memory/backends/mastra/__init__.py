"""Memory in a Mastra server: `mastra+http://127.0.0.1:4111`, over its HTTP interface.

Scopes are resources, sessions threads and records messages, so that Mastra's agents read what we remember; what they
say in those threads is remembered in turn. Mastra's own text search does not search: it answers with recent messages.
So a tenant's records are read once, and searched here with the ranking that every backend has.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qs, unquote, urlsplit

from lev_os.core.errors import LevError

from ..logged import LoggedBackend
from .client import Client
from .log import MastraLog

TOKEN = "LEV_MASTRA_TOKEN"


class MastraBackend(LoggedBackend):
    """See `MemoryBackend`."""


async def connect(url: str, embedder: str | None) -> MastraBackend:
    """Open `mastra+http://[TOKEN@]host[:port][/?agent=NAME]`, or `mastra+https://…`; see `backends.open_backend`."""
    client = client_of(url)
    try:
        await client.choose_agent()
    except BaseException:
        await client.close()
        raise
    return MastraBackend(MastraLog(client), embedder)


def client_of(url: str) -> Client:
    """The client for a URL. Raises `LevError` with how URLs are written."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if not parts.hostname or parts.path.strip("/") or parts.fragment or asked.keys() - {"agent"}:
        shown = f"{parts.scheme}://{parts.hostname or ''}…"  # without the token
        help = "write mastra+http://127.0.0.1:4111, with ?agent=NAME where several agents have a memory"
        raise LevError(f"{shown} names no Mastra server", help=help)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise LevError(f"the port of {parts.scheme}://{host} is no number", help="such as :4111") from None
    token = unquote(parts.password or parts.username or "") or os.environ.get(TOKEN) or None
    return Client(f"{parts.scheme.removeprefix('mastra+')}://{host}{port}", token, asked.get("agent", [None])[-1])
