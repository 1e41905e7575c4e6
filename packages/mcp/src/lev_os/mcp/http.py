"""Streamable HTTP: a bearer token on every request, on loopback too, and a check of Host and Origin.

Any program of the machine, and through it any web page, can reach a port on loopback; the token keeps out the former
and the checks the latter (DNS rebinding). There is no TLS here: beyond loopback, put a proxy that has it in front.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import LevError

from mcp.server.transport_security import TransportSecuritySettings

from .listen import Listen, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mcp.server.lowlevel.server import Server

PATH = "/mcp"
_SHUTDOWN = 2
"""Seconds that open requests get when the server is told to stop."""


def serve_http(server: Server[Any], listen: Listen) -> None:
    """Serve until interrupted. Raises `LevError` when it may not or cannot listen there.

    The address goes to stderr, and a token that was made up, once.
    """
    if listen.token is None and not is_loopback(listen.host):
        raise LevError(
            f"{listen.host} can be reached from other machines, so it needs a token of yours",
            help="give one with --token-file",
        )
    token = listen.token if listen.token is not None else secrets.token_urlsafe(24)
    with closing(_bound(listen)) as place:
        port = place.getsockname()[1]
        app = guarded_app(server, token=token, names=_names(listen, port))
        said = [f"lev mcp: {_url(listen.host, port)}"]
        if listen.token is None:
            said.append(f"lev mcp: Authorization: Bearer {token}")
        print("\n".join(said), file=sys.stderr, flush=True)
        asyncio.run(_serve(app, place))


async def _serve(app: ASGIApp, place: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_SHUTDOWN
    )
    await uvicorn.Server(config).serve(sockets=[place])


def guarded_app(server: Server[Any], *, token: str, names: Iterable[str]) -> ASGIApp:
    """The ASGI application; `names` are the values of Host that are answered, each a name with its port."""
    hosts = list(names)
    settings = TransportSecuritySettings(
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")],
    )
    return _Bearer(server.streamable_http_app(streamable_http_path=PATH, transport_security=settings), token)


class _Bearer:
    """Answers 401 to every request without the token, before anything else looks at it."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._opens(scope):
            await self._app(scope, receive, send)
            return
        body = b"this server wants its token: Authorization: Bearer ...\n"
        headers = [
            (b"content-type", b"text/plain"),
            (b"content-length", str(len(body)).encode()),
            (b"www-authenticate", b"Bearer"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _opens(self, scope: Scope) -> bool:
        given = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
        if scope["type"] != "http" or len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._wanted)


def _bound(listen: Listen) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        place = socket.socket(family, kind, protocol)
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(address)
            place.listen()  # before the address is told: who connects at once then only waits
        except BaseException:
            place.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LevError(f"cannot listen on {listen.host} port {listen.port}: {reason}") from None
    return place


def _names(listen: Listen, port: int) -> list[str]:
    """Under which names clients may ask: the address itself, loopback's names, and those that were allowed."""
    names = [_bracketed(listen.host), *listen.allowed_hosts]
    if is_loopback(listen.host):
        names += ["127.0.0.1", "localhost", "[::1]"]
    # A name with its own port is that of a proxy; without one, both ours and none (a proxy on its scheme's port).
    given = [name for name in listen.allowed_hosts if ":" not in name]
    return list(dict.fromkeys([*(name if _has_port(name) else f"{name}:{port}" for name in names), *given]))


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdigit() and not name.endswith("]")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _url(host: str, port: int) -> str:
    return f"http://{_bracketed(host)}:{port}{PATH}"
