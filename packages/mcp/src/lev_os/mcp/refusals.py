"""A reply for every request that the SDK cannot read: it drops what is no JSON-RPC, and its sender would wait for ever.

Only what can be answered is: a message with an `id` and a `method`. What remains goes to the SDK as before.
"""

from __future__ import annotations

import json
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as wire
from pydantic import ValidationError

from mcp.shared.message import SessionMessage

if TYPE_CHECKING:
    from mcp.shared._stream_protocols import ReadStream, WriteStream

Incoming = SessionMessage | Exception


class Refusing:
    """What comes in, without what was answered here: a stream as the SDK's server reads it."""

    def __init__(self, incoming: ReadStream[Incoming], outgoing: WriteStream[SessionMessage]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    @property
    def last_context(self) -> Context | None:
        """The context of who sent the last message, if the stream knows it."""
        found: Context | None = getattr(self._incoming, "last_context", None)
        return found

    async def receive(self) -> Incoming:
        while True:
            item = await self._incoming.receive()
            refusal = refused(item) if isinstance(item, ValidationError) else None
            if refusal is None:
                return item
            await self._outgoing.send(SessionMessage(refusal))

    async def aclose(self) -> None:
        await self._incoming.aclose()

    def __aiter__(self) -> Refusing:
        return self

    async def __anext__(self) -> Incoming:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Refusing:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def refused(error: ValidationError) -> wire.JSONRPCError | None:
    """The reply to a message that was no JSON-RPC, by what was wrong with it; None when it cannot be answered."""
    if (reply := _unread(error)) is not None:
        return reply
    message = next((found["input"] for found in error.errors() if _is_request(found["input"])), None)
    if message is None:
        return None
    wrong = sorted({str(found["loc"][1]) for found in error.errors() if found["loc"][:1] == ("JSONRPCRequest",)})
    if wrong == ["params"]:
        code, text = wire.INVALID_PARAMS, "`params` is an object, or left out"
    else:
        code, text = wire.INVALID_REQUEST, f"not a request of JSON-RPC 2.0: {', '.join(wrong)}"
    return wire.JSONRPCError(jsonrpc="2.0", id=message["id"], error=wire.ErrorData(code=code, message=text))


def _unread(error: ValidationError) -> wire.JSONRPCError | None:
    """The reply to a request that is JSON to other readers and not to the SDK's, as `"\\ud800"` is and what is nested
    too deep; None for a line that is no JSON to any, and for what is no request."""
    (found, *others) = error.errors()
    if others or found["type"] != "json_invalid":
        return None
    try:
        message = json.loads(found["input"])
        is_unicode = _is_unicode(message)  # which may be too deep to be written where it was not to be read
    except (ValueError, RecursionError):
        return None
    if not _is_request(message):
        return None
    text = f"the message cannot be read: {found['ctx']['error']}"
    if not is_unicode:
        text = "the message holds half a character (a lone surrogate): send whole characters"
    number = message["id"] if _is_unicode(message["id"]) else None
    return wire.JSONRPCError(jsonrpc="2.0", id=number, error=wire.ErrorData(code=wire.PARSE_ERROR, message=text))


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_request(value: Any) -> bool:
    return isinstance(value, dict) and "method" in value and type(value.get("id")) in (str, int)
