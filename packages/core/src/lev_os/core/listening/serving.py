"""A guarded application on a socket, until it is interrupted."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from ..errors import LevError
from .address import Listen, is_loopback
from .guarding import ASGIApp, guarded

_SHUTDOWN = 2
"""Seconds that open requests get when the server is told to stop."""


def serve(make: Callable[[str], ASGIApp], listen: Listen, *, name: str, path: str = "") -> None:
    """Serve until interrupted what `make` makes for an address (`http://127.0.0.1:8765`).

    SIGTERM ends it too, with the exit code 0. The address goes to stderr, after `name` and with `path`, and a token
    that was made up, once. Raises `LevError` when it may not or cannot listen there.
    """
    if listen.token is None and not is_loopback(listen.host):
        raise LevError(
            f"{listen.host} can be reached from other machines, so it needs a token of yours",
            help="give one with --token-file",
        )
    token = listen.token if listen.token is not None else secrets.token_urlsafe(24)
    with closing(_bound(listen)) as place:
        port = place.getsockname()[1]
        address = f"http://{_bracketed(listen.host)}:{port}"
        app = make(address)
        said = [f"{name}: {address}{path}"]
        if listen.token is None:
            said.append(f"{name}: Authorization: Bearer {token}")
        print("\n".join(said), file=sys.stderr, flush=True)
        with _ended_by_sigterm():
            asyncio.run(_serve(guarded(app, token=token, names=names_of(listen, port)), place))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Whoever stops a service asks for an end, not for a death: uvicorn raises the signal again when it is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _serve(app: ASGIApp, place: socket.socket) -> None:
    import uvicorn

    asgi: Any = app  # uvicorn's own types name each kind of message
    config = uvicorn.Config(
        asgi, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_SHUTDOWN
    )
    await uvicorn.Server(config).serve(sockets=[place])


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


def names_of(listen: Listen, port: int) -> list[str]:
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
