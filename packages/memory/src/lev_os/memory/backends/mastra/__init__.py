"""Memory in Mastra: of a server, `mastra+http://127.0.0.1:4111`, or in its tables, `mastra+sqlite:///memory.db`.

Scopes are resources, sessions threads and records messages, so that Mastra's agents read what we remember; what they
say in those threads is remembered in turn. Mastra's own text search does not search: it answers with recent messages.
So a tenant's records are read once, and searched here with the ranking that every backend has.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from lev_os.core.errors import LevError

from .. import Capability
from ..logged import LoggedBackend
from ..sqlite.schema import path_of
from .client import Client
from .log import MastraLog
from .tables import Database, PostgresTables, SqliteTables, TableClient

TOKEN = "LEV_MASTRA_TOKEN"


class MastraBackend(LoggedBackend):
    """See `MemoryBackend`."""

    lacks: Mapping[Capability, str] = {
        "erase": "what a Mastra server deletes stays in the free pages and the log of its database, which are not ours",
    }


async def connect(url: str, embedder: str | None) -> MastraBackend:
    """Open `mastra+http://[TOKEN@]host[:port][/?agent=NAME]`, `mastra+https://…`, `mastra+sqlite:///file` or
    `mastra+postgresql://…`; see `backends.open_backend`.
    """
    scheme = url.partition("://")[0].removeprefix("mastra+")
    if scheme in ("sqlite", "postgresql"):
        database = await asyncio.to_thread(tables_of, url)
        return MastraBackend(MastraLog(TableClient(database)), embedder)
    client = client_of(url)
    try:
        await client.choose_agent()
    except BaseException:
        await client.close()
        raise
    return MastraBackend(MastraLog(client), embedder)


def tables_of(url: str) -> Database:
    """The tables that `mastra+sqlite:///file` or `mastra+postgresql://…` name, made if there are none."""
    plain = url.removeprefix("mastra+")
    if plain.startswith("postgresql://"):
        return PostgresTables(plain)
    return SqliteTables(path_of(plain))


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
