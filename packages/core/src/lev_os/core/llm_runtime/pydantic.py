"""Models of every provider through Pydantic AI's direct requests: one request in, one response out, no agent loop.

Vendors' SDKs load when a model of theirs
is first opened; they cost seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from .. import canonical
from . import prompts
from .client import OnDelta, Request, Result
from .errors import WAYS_TO_A_MODEL, ModelRefused, ModelUnavailable, NoModel
from .failing import fail, redacted

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model, ModelRequestParameters

_OUTPUT_TOOL = "final_answer"


def open_pydantic(name: str) -> PydanticModel:
    """The model of a Pydantic AI name (`anthropic:…`, `openai:…`, `test`); raises `NoModel` with what is missing."""
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
    except ImportError:
        raise NoModel(f"`{name}` needs Pydantic AI, which is not installed", help="pip install 'lev-os[llm]'") from None
    try:
        return PydanticModel(infer_model(name))
    except ImportError as error:
        provider = name.split(":", 1)[0]
        raise NoModel(
            f"`{name}` cannot be opened: {redacted(str(error))}",
            help=f"pip install 'pydantic-ai-slim[{provider}]' installs the SDK of {provider}",
        ) from None
    except (UserError, ValueError) as error:
        raise NoModel(f"`{name}` cannot be opened: {redacted(str(error))}", help=WAYS_TO_A_MODEL) from None


class PydanticModel:
    """A client around a `pydantic_ai.models.Model`."""

    may_decide = True

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name = "test" if model.system == "test" else f"{model.system}:{model.model_name}"

    async def ask(self, request: Request, *, deadline: float | None = None, on_delta: OnDelta | None = None) -> Result:
        """See `ModelClient.ask`. Only the driver's cancellation bounds the time."""
        wire = _Wire.of(request)
        messages, parameters = wire.messages(), wire.parameters()
        try:
            if on_delta is not None and request.get("returns") is None:
                response = await self._stream(messages, parameters, on_delta)
            else:
                from pydantic_ai.direct import model_request

                response = await model_request(self.model, messages, model_request_parameters=parameters)
        except Exception as error:
            fail(error, self.name)
        _check_finish(response, self.name)
        return {**wire.result(response), "usage": _usage(response), "decided_by": self.name}

    async def _stream(
        self, messages: list[ModelMessage], parameters: ModelRequestParameters, on_delta: OnDelta
    ) -> ModelResponse:
        from pydantic_ai.direct import model_request_stream
        from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

        async with model_request_stream(self.model, messages, model_request_parameters=parameters) as stream:
            async for event in stream:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart) and event.part.content:
                    on_delta(event.part.content)
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    on_delta(event.delta.content_delta)
            return stream.get()


@dataclass(frozen=True)
class _Wire:
    """A request in a provider's terms: names that every provider takes, schemas that are objects."""

    request: Request
    names: Mapping[str, str]
    """From the name a provider sees to the tool's specifier."""

    @classmethod
    def of(cls, request: Request) -> _Wire:
        names: dict[str, str] = {}
        for tool in request.get("tools") or ():
            base = re.sub(r"[^A-Za-z0-9_-]", "_", tool["name"])[:56] or "tool"
            candidates = (base, *(f"{base}_{number}" for number in range(2, 1000)))
            name = next(name for name in candidates if name not in names and name != _OUTPUT_TOOL)
            names[name] = tool["specifier"]
        return cls(request, names)

    def messages(self) -> list[ModelMessage]:
        from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, UserPromptPart

        instructions = prompts.system(self.request)
        parts: list[Any] = [UserPromptPart(prompts.user(self.request))]
        messages: list[ModelMessage] = []
        for number, turn in enumerate(self.request.get("turns") or ()):
            calls = [
                (call.get("id") or f"call_{number}_{place}", call) for place, call in enumerate(turn["tool_calls"])
            ]
            messages.append(ModelRequest(parts=parts, instructions=instructions))
            messages.append(
                ModelResponse(
                    parts=[ToolCallPart(self._wire_name(call["tool"]), call["arguments"], id_) for id_, call in calls]
                )
            )
            parts = list(self._returns(turn["results"], dict(calls)))
        if self.request.get("problems"):
            parts.append(UserPromptPart(prompts.refusal(self.request["problems"])))
        messages.append(ModelRequest(parts=parts, instructions=instructions))
        return messages

    def parameters(self) -> ModelRequestParameters:
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition
        from pydantic_ai.tools import ToolDefinition

        by_specifier = {tool["specifier"]: tool for tool in self.request.get("tools") or ()}
        tools = [
            ToolDefinition(
                name=name,
                description=by_specifier[specifier].get("description") or None,
                parameters_json_schema=_object(by_specifier[specifier].get("input_schema") or {}),
            )
            for name, specifier in self.names.items()
        ]
        if self.request.get("returns") is None:
            return ModelRequestParameters(function_tools=tools)
        schema = self._schema()
        return ModelRequestParameters(
            function_tools=tools,
            output_mode="auto",
            output_object=OutputObjectDefinition(json_schema=schema, name=_OUTPUT_TOOL),
            output_tools=[
                ToolDefinition(
                    name=_OUTPUT_TOOL,
                    description="Give the answer to the step.",
                    parameters_json_schema=schema,
                    kind="output",
                )
            ],
            allow_text_output=False,
        )

    def result(self, response: ModelResponse) -> Result:
        """The response as the machine wants it. What does not fit `returns` is kept, for it to refuse."""
        from pydantic_ai.messages import TextPart, ToolCallPart

        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        wanted = [part for part in calls if part.tool_name != _OUTPUT_TOOL]
        if wanted:
            return {
                "tool_calls": [
                    {
                        "id": part.tool_call_id,
                        "tool": self.names.get(part.tool_name, part.tool_name),
                        "arguments": _value(part.args if part.args is not None else {}),
                    }
                    for part in wanted
                ]
            }
        if calls:
            return {"answer": self._unwrap(_value(calls[0].args))}
        text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
        return {"answer": text if self.request.get("returns") is None else self._unwrap(_value(text))}

    def _schema(self) -> dict[str, Any]:
        """`returns` as an object, which is all that providers take."""
        schema = dict(self.request["returns"])
        if schema.get("type") == "object":
            return schema
        definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
        return {
            "type": "object",
            "properties": {"answer": schema},
            "required": ["answer"],
            "additionalProperties": False,
            **definitions,
        }

    def _unwrap(self, value: Any) -> Any:
        wrapped = self.request["returns"].get("type") != "object"
        return value["answer"] if wrapped and isinstance(value, dict) and value.keys() == {"answer"} else value

    def _wire_name(self, tool: str) -> str:
        if tool in self.names:
            return tool
        return next((name for name, specifier in self.names.items() if specifier == tool), tool)

    def _returns(self, results: Any, calls: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
        from pydantic_ai.messages import ToolReturnPart

        for result, (id_, call) in zip(results, calls.items(), strict=False):
            failed = "error" in result
            content = result["error"] if failed else prompts.data(_text(result["value"]))
            yield ToolReturnPart(self._wire_name(call["tool"]), content, id_, outcome="failed" if failed else "success")


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {}, **schema}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical.encode(value).decode()


def _value(raw: Any) -> Any:
    """A provider's JSON, also between code fences; text that is no JSON stays text."""
    if not isinstance(raw, str):
        return raw
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", raw, re.DOTALL)
    try:
        return canonical.decode(fenced[1] if fenced else raw)
    except msgspec.DecodeError:
        return raw


def _usage(response: ModelResponse) -> dict[str, Any]:
    usage = response.usage
    try:
        cost = float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):  # no price is known, or the provider told no usage
        cost = None
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": cost}


def _check_finish(response: ModelResponse, name: str) -> None:
    if response.finish_reason == "content_filter":
        raise ModelRefused(f"{name} declined to answer: its content filter stopped the answer")
    if response.finish_reason == "length":
        raise ModelUnavailable(f"{name} ran into its output limit in the middle of its answer", retryable=True)
    if response.finish_reason == "error":
        raise ModelUnavailable(f"{name} broke off in the middle of its answer", retryable=True)
