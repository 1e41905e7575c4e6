"""Messages of Pydantic AI as the gate reads them: a request to a model, and its answer, as JSON.

A request has the fields of a flow's `ask` (`instruction`, `about`, `tools`, `turns`, `problems`), so that principles
written for flows hold for agents: `instruction` is every instruction and system prompt, `about` the newest user
prompt, `turns` all that came before. An answer is `{answer?, thinking?, tool_calls?, native?, files?, repeated?}`;
`repeated` is JSON with a key that stands twice, as the model wrote it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from lev_os.core import canonical
from lev_os.core.llm_runtime import prompts
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    FilePart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturn,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_core import to_jsonable_python

_NOTES = ("Final result processed.", "Tool not executed - a final result was already processed.")
_KINDS = ("tool-search", "capability-load")
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")


def asked(
    agent: str, messages: Sequence[ModelMessage], parameters: ModelRequestParameters, problems: Sequence[str]
) -> dict[str, Any]:
    """The request to the model, everything that leaves in it included."""
    instructions = [part.content for part in parameters.instruction_parts or ()]
    system: list[str] = []
    newest: list[Any] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            turns.append(answered(message, parameters))
            continue
        if parameters.instruction_parts is None and message.instructions:
            instructions = [message.instructions]
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                if newest:
                    turns.append({"user": newest[-1]})
                newest = [content(part.content)]
            elif isinstance(part, SystemPromptPart):
                system.append(part.content)
            elif isinstance(part, ToolReturnPart):
                turns.append({"tool": part.tool_name, "result": returned(part.content)})
            else:
                turns.append({"note": plain(part)})
    about = newest[-1] if newest else None
    return {
        "purpose": "ask",
        "step": agent,
        "instruction": "\n\n".join((*instructions, *system)),
        "about": about if about is None or isinstance(about, str) else canonical.encode(about).decode(),
        "context": [],
        "returns": None if parameters.output_object is None else plain(parameters.output_object.json_schema),
        "tools": [
            {"name": tool.name, "description": tool.description or "", "input_schema": tool.parameters_json_schema}
            for tool in (*parameters.function_tools, *parameters.output_tools)
        ],
        "turns": turns,
        "problems": list(problems),
    }


def answered(response: ModelResponse, parameters: ModelRequestParameters) -> dict[str, Any]:
    """A model's response: the arguments of an output tool, or the text, are its `answer`."""
    outputs = {tool.name for tool in parameters.output_tools}
    texts: list[str] = []
    structured: list[Any] = []
    found: dict[str, list[Any]] = {}
    for part in response.parts:
        if isinstance(part, TextPart):
            texts.append(part.content)
        elif isinstance(part, ToolCallPart):
            if repeats(part.args):
                found.setdefault("repeated", []).append(part.args)
            if part.tool_name in outputs:
                structured.append(decoded(part.args))
            else:
                call = {"id": part.tool_call_id, "tool": part.tool_name, "arguments": decoded(part.args)}
                found.setdefault("tool_calls", []).append(call)
        elif isinstance(part, ThinkingPart):
            found.setdefault("thinking", []).append(part.content)
        elif isinstance(part, NativeToolCallPart):
            found.setdefault("native", []).append({"tool": part.tool_name, "arguments": decoded(part.args)})
        elif isinstance(part, NativeToolReturnPart):
            found.setdefault("native", []).append({"tool": part.tool_name, "result": returned(part.content)})
        elif isinstance(part, FilePart):
            found.setdefault("files", []).append(content(part.content))
        else:
            found.setdefault("parts", []).append(plain(part))
    text = "".join(texts)
    as_json = parameters.output_mode in ("native", "prompted")
    if as_json and repeats(text):
        found.setdefault("repeated", []).append(text)
    answer: dict[str, Any] = dict(found)
    if structured:
        answer["answer"] = structured[0] if len(structured) == 1 else structured
        if text:
            answer["text"] = text
    elif text:
        answer["answer"] = decoded(text) if as_json else text
    return answer


def repeats(text: Any) -> bool:
    """Whether some JSON names a key of an object twice: readers of it then see one of the two values at most."""
    found = False

    def look(pairs: list[tuple[str, None]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) < len(pairs)

    if isinstance(text, str) and "{" in text:
        with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is read as text, all of it
            json.loads(text, object_pairs_hook=look)
    return found


def decoded(arguments: Any) -> Any:
    """Arguments as the model wrote them; text that is no JSON stays text."""
    if not isinstance(arguments, str):
        return {} if arguments is None else plain(arguments)
    try:
        return canonical.decode(arguments) if arguments else {}
    except (msgspec.DecodeError, RecursionError):
        return arguments


def written(messages: Sequence[ModelMessage], name: str, call_id: str | None, given: Any) -> Any:
    """The arguments of a call as the model wrote them; for one that does not stand in the conversation, as given."""
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            for part in message.tool_calls:
                if part.tool_call_id == call_id and part.tool_name == name:
                    return decoded(part.args)
    return given


def returned(value: Any) -> Any:
    """What a tool gave back, with what it adds for the model."""
    if isinstance(value, ToolReturn):
        given = plain(value.return_value)
        return given if value.content is None else {"return_value": given, "content": content(value.content)}
    return content(value) if _has_content(value) else plain(value)


def plain(value: Any) -> Any:
    """A value as JSON. What has no JSON form is read as its `str`, as a model would see it."""
    if value is None or isinstance(value, str | bool):
        return value
    made = to_jsonable_python(value, serialize_unknown=True, bytes_mode="base64", inf_nan_mode="strings")
    try:
        canonical.encode(made)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return str(made)
    return made


def _has_content(value: Any) -> bool:
    return isinstance(value, BinaryContent) or (
        isinstance(value, list) and any(isinstance(item, BinaryContent | TextContent) for item in value)
    )


def content(given: Any) -> Any:
    """User content: texts as they are, texts in files decoded, other files by their kind and size."""
    if isinstance(given, str):
        return given
    if isinstance(given, TextContent):
        return given.content
    if isinstance(given, BinaryContent):
        if given.media_type.startswith(_TEXT_TYPES):
            return given.data.decode("utf-8", "replace")
        return {"file": given.media_type, "bytes": len(given.data)}
    if isinstance(given, Sequence):
        return [content(item) for item in given if not isinstance(item, CachePoint)]
    return plain(given)


def tool_returns(messages: Iterable[ModelMessage]) -> Iterator[ToolReturnPart]:
    """Every tool result in the messages, in order."""
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                if isinstance(part, ToolReturnPart):
                    yield part


def is_own_note(part: ToolReturnPart, outputs: Collection[str]) -> bool:
    """Whether a tool result is a remark of Pydantic AI's own, on an output or on tools it has loaded."""
    return (
        part.tool_name in outputs
        or (isinstance(part.content, str) and part.content in _NOTES)
        or part.tool_kind in _KINDS
    )


def with_refusal(messages: Sequence[ModelMessage], problems: Sequence[str]) -> list[ModelMessage]:
    """The messages, and why the last answer was not accepted; for this one request, not for the history."""
    *before, last = messages
    refusal = UserPromptPart(prompts.refusal(problems))
    if isinstance(last, ModelRequest):
        return [*before, replace(last, parts=[*last.parts, refusal])]
    return [*messages, ModelRequest(parts=[refusal])]


def native_name(tool: Any) -> str:
    """How a native tool is called: its kind, and for an MCP server its id too."""
    kind = str(tool.kind)
    return f"{kind}:{tool.id}" if getattr(tool, "id", None) else kind
