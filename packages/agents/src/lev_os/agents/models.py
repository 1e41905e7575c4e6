"""From the name of a model to one that an agent can use: Pydantic AI's own, or one of Leviathan's clients.

A client (the local model, a script, a function) answers requests of flows: `ClientModel` makes such a request of a
conversation. The newest prompt is its instruction; what came before, and the agent's instructions, are its context.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lev_os.core import canonical
from lev_os.core.llm_runtime import ModelClient, OnDelta, open_model
from lev_os.core.llm_runtime.pydantic import PydanticModel
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.usage import RequestUsage

from .gating import wire


def agent_model(spec: Any = None, *, allow_weak_decisions: bool = False, root: Path | None = None) -> Model:
    """The model for `spec`: a name, a Pydantic AI model, a `ModelClient`, a function, or None for the project's.

    Raises `NoModel` with the ways to get one.
    """
    if isinstance(spec, Model):
        return spec
    client = open_model(spec, allow_weak_decisions=allow_weak_decisions, root=root)
    return client.model if isinstance(client, PydanticModel) else ClientModel(client)


class ClientModel(Model):
    """A `ModelClient` as a model of Pydantic AI."""

    def __init__(self, client: ModelClient) -> None:
        super().__init__()
        self.client = client

    @property
    def model_name(self) -> str:
        return self.client.name

    @property
    def system(self) -> str:
        return "lev"

    @property
    def base_url(self) -> str | None:
        return None

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        return await self._ask(messages, model_request_parameters, None)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        asked = asyncio.create_task(self._ask(messages, model_request_parameters, pieces.put_nowait))
        asked.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            yield _ClientStream(model_request_parameters, name=self.model_name, pieces=pieces, asked=asked)
        finally:
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):  # whoever reads the stream has seen it
                await asked

    async def _ask(
        self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters, on_delta: OnDelta | None
    ) -> ModelResponse:
        result = await self.client.ask(_request(messages, parameters), on_delta=on_delta)
        said = result.get("usage") or {}
        usage = RequestUsage(
            input_tokens=int(said.get("input_tokens") or 0), output_tokens=int(said.get("output_tokens") or 0)
        )
        return ModelResponse(parts=_parts(result, parameters), model_name=self.model_name, usage=usage)


@dataclass
class _ClientStream(StreamedResponse):
    _: KW_ONLY
    name: str
    pieces: asyncio.Queue[str | None]
    asked: asyncio.Task[ModelResponse]

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        told = ""
        while (piece := await self.pieces.get()) is not None:
            told += piece
            for event in self._parts_manager.handle_text_delta(vendor_part_id="text", content=piece):
                yield event
        response = await self.asked
        self._usage = response.usage
        for part in response.parts:
            if isinstance(part, TextPart):
                for event in self._parts_manager.handle_text_delta(
                    vendor_part_id="text", content=part.content.removeprefix(told)
                ):
                    yield event
            else:
                yield self._parts_manager.handle_part(vendor_part_id=None, part=part)

    async def close_stream(self) -> None:
        self.asked.cancel()

    @property
    def model_name(self) -> str:
        return self.name

    @property
    def provider_name(self) -> str | None:
        return "lev"

    @property
    def provider_url(self) -> str | None:
        return None

    @property
    def timestamp(self) -> datetime:
        return datetime.now(UTC)


def _request(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> dict[str, Any]:
    """A conversation as a request of a flow."""
    asked = wire.asked("agent", messages, parameters, ())
    last = max((n for n, message in enumerate(messages) if _has_prompt(message)), default=0)
    before = list(_transcript(messages[:last], parameters))
    context = [{"specifier": "instructions", "text": asked["instruction"]}] if asked["instruction"] else []
    if before:
        context.append({"specifier": "conversation", "text": canonical.encode(before).decode()})
    for item in context:
        item["digest"] = canonical.digest(item["text"])
    return {
        "purpose": "ask",
        "step": "agent",
        "instruction": asked["about"] or "",
        "about": None,
        "context": context,
        "returns": _returns(parameters),
        "tools": [_offer(tool) for tool in parameters.function_tools],
        "turns": list(_turns(messages[last:])),
        "problems": [],
    }


def _transcript(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Iterator[dict[str, Any]]:
    """What was said before the newest prompt."""
    for message in messages:
        if isinstance(message, ModelResponse):
            yield wire.answered(message, parameters)
        else:
            for part in message.parts:
                if isinstance(part, UserPromptPart):
                    yield {"user": wire.content(part.content)}
                elif isinstance(part, ToolReturnPart):
                    yield {"tool": part.tool_name, "result": wire.returned(part.content)}


def _has_prompt(message: ModelMessage) -> bool:
    return isinstance(message, ModelRequest) and any(isinstance(part, UserPromptPart) for part in message.parts)


def _returns(parameters: ModelRequestParameters) -> dict[str, Any] | None:
    if parameters.output_tools and not parameters.allow_text_output:
        return parameters.output_tools[0].parameters_json_schema
    if parameters.output_mode in ("native", "prompted") and parameters.output_object is not None:
        return parameters.output_object.json_schema
    return None


def _offer(tool: ToolDefinition) -> dict[str, Any]:
    return {
        "name": tool.name,
        "specifier": (tool.metadata or {}).get("specifier", tool.name),
        "description": tool.description or "",
        "input_schema": tool.parameters_json_schema,
    }


def _turns(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """The tool calls since the newest prompt, each turn with its results."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            calls = [
                {"id": part.tool_call_id, "tool": part.tool_name, "arguments": wire.decoded(part.args)}
                for part in message.parts
                if isinstance(part, ToolCallPart)
            ]
            if calls:
                turns.append({"tool_calls": calls, "results": []})
        elif turns:
            turns[-1]["results"] += [
                {"id": part.tool_call_id, "value": wire.returned(part.content)}
                if part.outcome == "success"
                else {"id": part.tool_call_id, "error": str(part.content)}
                for part in message.parts
                if isinstance(part, ToolReturnPart)
            ]
    return turns


def _parts(result: dict[str, Any], parameters: ModelRequestParameters) -> list[ModelResponsePart]:
    if result.get("tool_calls"):
        names = {name: offer["name"] for offer in map(_offer, parameters.function_tools) for name in _spellings(offer)}
        return [
            ToolCallPart(names.get(call["tool"], call["tool"]), call.get("arguments") or {})
            for call in result["tool_calls"]
        ]
    answer = result.get("answer")
    if parameters.output_tools and not parameters.allow_text_output:
        arguments = answer if isinstance(answer, dict) else {"response": answer}
        return [ToolCallPart(parameters.output_tools[0].name, arguments)]
    return [TextPart(answer if isinstance(answer, str) else canonical.encode(answer).decode())]


def _spellings(offer: dict[str, Any]) -> tuple[str, ...]:
    name = offer["name"]
    return (name, offer["specifier"], f"./tools/{name}", f"./flows/{name}")
