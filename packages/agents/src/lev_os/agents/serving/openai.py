"""The part of OpenAI's chat completions that an agent has: text in, text out, streamed or whole.

Source: the `openai` client, whose requests and answers the tests use. The client sends the whole conversation each
time, so what stands in it before the last message is taken as a history from outside: untrusted. The agent has its own
instructions, tools and output; a request that brings others is refused rather than half obeyed.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lev_os.core import LevError
from lev_os.core.llm_runtime import ModelError

from ..errors import AgentFailed, Denied, LimitReached
from ..events import Answer, Finished, Said
from ..threads import Thread, is_unicode
from .limiting import LARGEST

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from ..agent import Agent

_log = logging.getLogger(__name__)
_OTHERS = ("tools", "functions", "response_format", "logprobs", "modalities", "audio")
"""What would change what the agent is; sampling parameters are the agent's own and left aside."""


class _BadRequest(LevError):
    """A request that cannot be answered."""

    status = 400
    code = "invalid_request"


class _NoModel(_BadRequest):
    """A request for an agent that is not here."""

    status = 404
    code = "model_not_found"


def openai_routes(agents: Mapping[str, Agent]) -> list[Route]:
    """The routes below `/v1`."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def models(_: Request) -> Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "leviathan"} for name in agents]
        return JSONResponse({"object": "list", "data": data})

    async def complete(request: Request) -> Response:
        try:
            body = await _body(request)
            name = body.get("model")
            agent = agents.get(name) if isinstance(name, str) else None
            if agent is None:
                raise _NoModel(f"there is no agent {name!r}", help=f"the agents here are {', '.join(agents)}")
            prompt, thread = _conversation(body)
        except LevError as error:
            return _refused(error)
        if body.get("stream"):
            from starlette.responses import StreamingResponse

            options = body.get("stream_options")
            usage = isinstance(options, dict) and bool(options.get("include_usage"))
            return StreamingResponse(_chunks(agent, str(name), prompt, thread, usage), media_type="text/event-stream")
        try:
            answer = await agent.run(prompt, thread=thread)
        except Exception as error:  # a client wants its kind of error, of whatever a model raises too
            return _refused(error)
        return JSONResponse(_completion(str(name), answer))

    return [
        Route("/v1/models", models, methods=["GET"]),
        Route("/v1/chat/completions", complete, methods=["POST"]),
    ]


async def _body(request: Request) -> dict[str, Any]:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LARGEST:
            raise _BadRequest("the request has more than 8 MB", help="send less of the conversation")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise _BadRequest("the request is no JSON") from None
    if not isinstance(body, dict):
        raise _BadRequest("the request is no JSON object")
    for key in _OTHERS:
        if body.get(key) and not (key == "response_format" and body[key] == {"type": "text"}):
            raise _BadRequest(f"this agent takes no `{key}`", help="what it can do is declared in its package")
    if body.get("n") not in (None, 1):
        raise _BadRequest("this agent gives one answer, not several", help="leave out `n`")
    return body


def _conversation(body: Mapping[str, Any]) -> tuple[str, Thread]:
    """The last message, a user's, and a thread with those before it."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

    given = body.get("messages")
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise _BadRequest("`messages` must be a list of messages")
    said = [(str(item.get("role")), _text(item)) for item in given]
    if said[-1][0] != "user":
        raise _BadRequest(f"the last message is the {said[-1][0]}'s, and there is nothing to answer")
    before: list[ModelMessage] = []
    for role, text in said[:-1]:
        if role == "assistant":
            before.append(ModelResponse(parts=[TextPart(text)]))
        elif role in ("user", "system", "developer"):
            # Whoever may ask this endpoint is a user; only the package instructs the agent.
            before.append(ModelRequest(parts=[UserPromptPart(text)]))
        else:
            raise _BadRequest(f"a message of role {role!r} cannot be taken", help="user, assistant or system")
    thread = Thread()
    thread.add("", before, frozenset({"untrusted"}) if before else frozenset())
    return said[-1][1], thread


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(_part(part) for part in content)
    if not isinstance(content, str):
        raise _no_text()
    if not is_unicode(content):
        raise _BadRequest("a message holds half a character (a lone surrogate)", help="send whole characters")
    return content


def _part(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise _no_text()
    return text


def _no_text() -> _BadRequest:
    return _BadRequest("a message holds something else than text", help="this agent reads text")


def _completion(name: str, answer: Answer[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _said(answer)}
    return {
        "id": f"chatcmpl-{answer.run}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer),
    }


async def _chunks(agent: Agent, name: str, prompt: str, thread: Thread, usage: bool) -> AsyncIterator[bytes]:
    head = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": name,
    }

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
        return _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

    yield chunk({"role": "assistant", "content": ""})
    shown = False
    try:
        async for event in agent.stream(prompt, thread=thread):
            if isinstance(event, Said):
                shown = True
                yield chunk({"content": f"\n\n{event.text}" if event.again else event.text})
            elif isinstance(event, Finished):
                if event.answer.waiting or not shown:
                    yield chunk({"content": _said(event.answer)})
                yield chunk({}, "stop")
                if usage:
                    yield _event({**head, "choices": [], "usage": _usage(event.answer)})
    except Exception as error:  # the head of the response is out, so the client must hear of it here
        yield _event({"error": _problem(error)})
    yield b"data: [DONE]\n\n"


def _said(answer: Answer[Any]) -> str:
    """The output as text; for calls that wait, what they are and how they are approved."""
    if answer.waiting:
        return "\n".join(waits(answer.waiting))
    return answer.output if isinstance(answer.output, str) else json.dumps(answer.output, ensure_ascii=False)


def waits(waiting: Sequence[Any]) -> list[str]:
    """Sentences about calls that wait for a person."""
    lines = [f"`{one.tool}` waits for a person's approval: {one.reason}" for one in waiting]
    return [*lines, "It cannot be approved here; a person does it with `lev chat`."]


def _usage(answer: Answer[Any]) -> dict[str, int]:
    used = answer.usage
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
    }


def _event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


def _problem(error: Exception) -> dict[str, Any]:
    kind, code = "server_error", "agent_failed"
    if isinstance(error, _BadRequest):
        kind, code = "invalid_request_error", error.code
    elif isinstance(error, Denied):
        kind, code = "permission_error", "content_filter"
    elif isinstance(error, LimitReached):
        kind, code = "rate_limit_error", "limit_reached"
    return {"message": told(error), "type": kind, "param": None, "code": code}


def told(error: Exception) -> str:
    """What the other side hears of an error. How a model failed is logged here, without the words of its provider."""
    if isinstance(error, _BadRequest | Denied | LimitReached):
        return str(error)
    if isinstance(error, LevError):
        _log.warning("%s", error)
        if not isinstance(error, AgentFailed | ModelError):  # the server's own: a path, why there are no `deps`
            return "the agent cannot answer now; the server's log says why"
    else:  # what a library raises may repeat a prompt or an answer, and so may its traceback
        _log.warning("the model failed: %s", type(error).__name__)
    _log.debug("this is how", exc_info=error)
    return "the model failed or misbehaved; the server's log says how"


def _refused(error: Exception) -> Response:
    from starlette.responses import JSONResponse

    status = error.status if isinstance(error, _BadRequest) else 403 if isinstance(error, Denied) else 500
    return JSONResponse({"error": _problem(error)}, status_code=status, headers={"x-should-retry": "false"})
