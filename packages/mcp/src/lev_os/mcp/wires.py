"""Connections to servers of others, bounded: how much may come, how many messages, and what is left afterwards.

The SDK's own stdio client reads lines of any length; a server could fill the memory with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import mcp_types as wire
from lev_os.core.errors import LevError
from lev_os.core.packaging.mcp_servers import McpServer

from mcp.shared.message import SessionMessage

MOST_BYTES = 64 << 20
"""What one connection may bring. Results over 1 MiB become files beside the journal."""
MOST_MESSAGES = 10_000
_PATIENCE = 1.0
"""Seconds that a command gets to end after its stdin was closed."""
_LOOK = 0.01


class TooMuch(Exception):
    """A server sent more than a call may bring."""


class _Allowance:
    """What a server may still send."""

    def __init__(self) -> None:
        self._bytes = MOST_BYTES
        self._messages = MOST_MESSAGES

    def take(self, size: int, messages: int = 0) -> None:
        self._bytes -= size
        self._messages -= messages
        if self._bytes < 0:
            raise TooMuch(f"it sent more than {MOST_BYTES >> 20} MiB")
        if self._messages < 0:
            raise TooMuch(f"it sent more than {MOST_MESSAGES} messages")


@asynccontextmanager
async def over_stdio(server: McpServer, root: Path) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a command, run in the package's folder with a small environment; it ends with the block."""
    command = server.arguments(root)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=root,
            env=_environment(server),
            limit=MOST_BYTES,
            start_new_session=True,
        )
    except OSError as error:
        raise LevError(f"the MCP server {server.name} cannot be started: {command[0]}: {error.strerror}") from None
    try:
        async with _streams(process) as streams:
            yield streams
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


def _environment(server: McpServer) -> dict[str, str]:
    """What a command gets of our environment: what it takes to run, and what lev.toml names."""
    from mcp.client.stdio import get_default_environment

    return {**get_default_environment(), **{name: os.environ[name] for name in server.env if name in os.environ}}


@asynccontextmanager
async def _streams(process: asyncio.subprocess.Process) -> AsyncIterator[tuple[Any, Any]]:
    assert process.stdin is not None
    assert process.stdout is not None
    to_client, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_client = anyio.create_memory_object_stream[SessionMessage](0)
    stdin, stdout = process.stdin, process.stdout

    async def read() -> None:
        allowance = _Allowance()
        async with to_client:
            while True:
                try:
                    line = await stdout.readline()
                except ValueError:  # a line that is longer than the reader's limit
                    raise TooMuch(f"it sent more than {MOST_BYTES >> 20} MiB") from None
                if not line:
                    return
                allowance.take(len(line), 1)
                if line.strip():
                    await to_client.send(_message(line))

    async def write() -> None:
        async with from_client:
            async for message in from_client:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                with contextlib.suppress(ConnectionError):  # a command that has ended; the reader sees that too
                    stdin.write(text.encode() + b"\n")
                    await stdin.drain()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        try:
            yield incoming, outgoing
        finally:
            group.cancel_scope.cancel()
            for stream in (to_client, incoming, outgoing, from_client):
                stream.close()


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(wire.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its stdin, wait a little, then end it and whatever it has started."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while process.returncode is None:  # `wait` would wait for its pipes too, which may be full
                await asyncio.sleep(_LOOK)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError, ValueError):
        async with asyncio.timeout(_PATIENCE):  # what it started may have left its group and keep the pipe
            while await process.stdout.read(1 << 16):
                pass
            await process.wait()
    process._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way to let go of a pipe
    await asyncio.sleep(0)


@asynccontextmanager
async def over_http(server: McpServer) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a URL. Redirects to other places are not followed, and what comes is counted."""
    import httpx2

    from mcp.client.streamable_http import streamable_http_client

    assert server.url is not None
    headers = {}
    if server.token is not None:
        token = os.environ.get(server.token)
        if token is None:
            raise LevError(f"the MCP server {server.name} wants a token in ${server.token}, which is not set")
        headers["Authorization"] = f"Bearer {token}"

    allowance = _Allowance()

    class Counted(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            response.stream = _CountedStream(response.stream, allowance.take)
            return response

    class _CountedStream(httpx2.AsyncByteStream):
        def __init__(self, inner: Any, take: Callable[[int], None]) -> None:
            self._inner = inner
            self._take = take

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in self._inner:
                self._take(len(chunk))
                yield chunk

        async def aclose(self) -> None:
            await self._inner.aclose()

    async with (
        httpx2.AsyncClient(transport=Counted(), headers=headers, timeout=server.timeout) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams[0], streams[1]
