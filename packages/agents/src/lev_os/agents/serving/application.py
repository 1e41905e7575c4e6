"""One ASGI application for some agents, each under a name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from lev_os.core import LevError

from .limiting import AtMost
from .openai import openai_routes

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute

    from ..agent import Agent


def application(agents: Mapping[str, Agent], *, address: str, a2a: bool = True) -> Starlette:
    """`/v1/models` and `/v1/chat/completions` for all agents, and an A2A server for each at `/a2a/NAME`.

    `address` is where clients reach it, for the agents' cards. `a2a` needs `lev-os-agents[a2a]`; its tasks are kept
    until the application's lifespan ends. Raises `LevError` when that is missing, or when there is no agent.
    """
    if not agents:
        raise LevError("there is no agent to serve", help="`lev list --kind agent` lists agents")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware

    closing = AsyncExitStack()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with closing:
            yield

    routes: list[BaseRoute] = [*openai_routes(agents)]
    if a2a:
        try:
            from .a2a import a2a_routes
        except ImportError as error:
            raise LevError(f"A2A needs a2a-sdk: {error}", help="pip install 'lev-os-agents[a2a]'") from None
        routes += a2a_routes(agents, address, closing)

    return Starlette(routes=routes, middleware=[Middleware(AtMost, path="/a2a/")], lifespan=lifespan)
