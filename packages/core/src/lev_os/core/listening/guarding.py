"""A bearer token on every request, on loopback too, and a check of Host and Origin; plain ASGI.

Any program of the machine, and through it any web page, can reach a port on loopback; the token keeps out the former
and the checks the latter (DNS rebinding). There is no TLS here: beyond loopback, put a proxy that has it in front.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
ASGIApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


def guarded(app: ASGIApp, *, token: str, names: Collection[str]) -> ASGIApp:
    """`app` for those alone who have the token, ask for one of `names` (values of Host, each a name with its port), and
    come from no page of another origin. Others get 401, 421 or 403 before `app` sees anything of them."""
    return _Guard(app, token, names)


class _Guard:
    def __init__(self, app: ASGIApp, token: str, names: Collection[str]) -> None:
        self._app = app
        self._wanted = token.encode()
        self._hosts = frozenset(name.encode() for name in names)
        self._origins = frozenset(f"{scheme}://{name}".encode() for name in names for scheme in ("http", "https"))

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, why = refusal
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(why)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": why})

    def _refusal(self, scope: Message) -> tuple[int, bytes] | None:
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope.get("headers", ()):
            given.setdefault(name, []).append(value)
        if scope["type"] != "http" or not self._opens(given.get(b"authorization", [])):
            return 401, b"this server wants its token: Authorization: Bearer ...\n"
        hosts = given.get(b"host", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, b"this server is not known by that name; see --allow-host\n"
        if any(origin not in self._origins for origin in given.get(b"origin", ())):
            return 403, b"pages of other origins may not ask this server\n"
        return None

    def _opens(self, given: list[bytes]) -> bool:
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._wanted)
