"""The other way round: a package's tools that are on MCP servers. Each call connects anew, compares and then calls.

A connection lives as long as one call: so no command outlives a run, and no listing is trusted for longer than the
call that was compared with it. It costs the start of the server each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as wire
from lev_os.core.errors import LevError
from lev_os.core.packaging import Package
from lev_os.core.packaging.mcp_servers import MOST_TOOLS, Caller, Listing, McpServer, ServerTool

from mcp import Client, MCPError

from .wires import TooMuch, over_http, over_stdio

_MOST_PAGES = 32


class ServerFailed(LevError):
    """A server that could not be started, reached or understood, or that took too long."""

    retryable = True


class ToolFailed(LevError):
    """A tool that says it has failed, in its own words; whether it always will is nobody's to know."""

    retryable = True


class ListingChanged(LevError):
    """A server that offers something else than what was approved."""


def open_tool(package: Package, server: McpServer, tool: ServerTool, pinned: Listing) -> Caller:
    """The coroutine function that calls a tool; the entry point `lev_os.tool_servers` names it.

    Its errors are `LevError`s. A result is the tool's structured content, or else its text, or else its blocks.
    """

    async def call(**given: Any) -> Any:
        async with connected(package, server) as client:
            now = Listing.of(await offered(client))
            if now.digest != pinned.digest:
                raise ListingChanged(
                    f"{server.name} offers something else than what was approved: "
                    + "; ".join(pinned.differences(now)[:5]),
                    help=f"look at it, then approve it with `lev mcp {package.name} --pin`",
                )
            return _value(server, tool, await client.call_tool(tool.name, given))

    return call


async def read_listing(package: Package, server: McpServer) -> Listing:
    """What a server offers now; raises `ServerFailed`."""
    async with connected(package, server) as client:
        return Listing.of(await offered(client))


async def offered(client: Client) -> tuple[ServerTool, ...]:
    """Every tool of a server; raises `ServerFailed` for more than anybody can look at."""
    tools: list[ServerTool] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools.extend(map(_tool, page.tools))
        cursor = page.next_cursor
        if len(tools) > MOST_TOOLS or cursor is None:
            break
    if len(tools) > MOST_TOOLS or cursor is not None:
        raise ServerFailed(f"the server offers more than {MOST_TOOLS} tools")
    if len({tool.name for tool in tools}) < len(tools):
        raise ServerFailed("the server offers two tools of one name")
    return tuple(tools)


def _tool(tool: wire.Tool) -> ServerTool:
    claims = tool.annotations or wire.ToolAnnotations()
    return ServerTool(
        name=tool.name,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only=claims.read_only_hint is True,
        idempotent=claims.idempotent_hint is True,
    )


@asynccontextmanager
async def connected(package: Package, server: McpServer) -> AsyncIterator[Client]:
    """A client of a server for as long as the block and its timeout last; every failure is a `LevError`."""
    failure: LevError | None = None
    try:
        async with asyncio.timeout(server.timeout):
            transport = over_http(server) if server.url is not None else over_stdio(server, package.root)
            async with Client(transport) as client:
                try:
                    yield client
                except LevError as error:  # told before the transport's own errors of going down
                    failure = error
    except TimeoutError:
        failure = failure or ServerFailed(f"the MCP server {server.name} took more than {server.timeout:g} seconds")
    except Exception as error:  # task groups wrap whatever a server makes of the connection
        failure = failure or _failure(server, error)
    if failure is not None:
        raise failure from None


def _failure(server: McpServer, error: BaseException) -> LevError:
    """The one error that says most, out of a group."""
    causes = list(_leaves(error))
    for kind in (LevError, TooMuch, MCPError, OSError):
        for cause in causes:
            if isinstance(cause, kind):
                if isinstance(cause, LevError):
                    return cause
                return ServerFailed(f"the MCP server {server.name} failed: {str(cause)[:500]}")
    return ServerFailed(f"the MCP server {server.name} failed: {type(causes[0]).__name__}: {str(causes[0])[:500]}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _value(server: McpServer, tool: ServerTool, result: Any) -> Any:
    if not isinstance(result, wire.CallToolResult):
        raise ServerFailed(f"{server.name} wants something of its caller, which a tool of a package cannot give")
    texts = [block.text for block in result.content if isinstance(block, wire.TextContent)]
    if result.is_error:
        raise ToolFailed(f"{tool.name} on {server.name} failed: {' '.join(texts)[:2000] or 'it does not say why'}")
    if result.structured_content is not None:
        return result.structured_content
    if len(texts) == len(result.content):
        return "\n".join(texts)
    return [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
