"""What a host offers besides calls: its model answers requests (sampling), its person answers waits (elicitation).

In the protocols up to 2025-11-25 the server asks while the call is open; since 2026-07-28 it replies that input is
required, and the host calls again with the input and our signed state. Both come to the same loop here: act on a
reply as long as the host can, then give it back. A wait is answered by an elicitation's result and by nothing else:
not by a tool's arguments, which a model writes, and not by sampling.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as wire
from lev_os.core.llm_runtime import prompts
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

from . import forms
from .desk import Desk
from .replies import Reply
from .tokens import State, Ticket

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

ROUNDS = 8
"""Times that one call of a host is answered with a question; SDKs give up after ten."""
_OPEN_ROUNDS = 200
"""The same for hosts that are asked while their call is open."""
_MOST_TOKENS = 4096
_KEY = "lev"

Answer = wire.CreateMessageResult | wire.CreateMessageResultWithTools | wire.ElicitResult
Question = wire.CreateMessageRequest | wire.ElicitRequest


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question for the host, and what its answer will be an answer to. `token` is a request's, for a model."""

    question: Question
    kind: str
    ticket: Ticket
    returns: Mapping[str, Any]
    token: str = ""


class Hosted:
    """One call of a host, driven on with what the host declares that it can do."""

    def __init__(self, desk: Desk, context: ServerRequestContext[Any, Any], by: str) -> None:
        self._desk = desk
        self._context = context
        self._by = by
        able = context.session.client_capabilities
        self._samples = able is not None and able.sampling is not None
        # A host that names only the mode `url` shows no forms; one that names none shows forms.
        elicits = None if able is None else able.elicitation
        self._elicits = elicits is not None and (elicits.form is not None or elicits.url is None)
        self._modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS

    async def drive(self, reply: Reply) -> Reply | wire.InputRequiredResult:
        """A fresh reply, driven on: what to give back to the host."""
        if self._modern:
            return await self._required(reply, 0)
        for _ in range(_OPEN_ROUNDS):
            asked = await self._asked(reply)
            if asked is None:
                break
            try:
                answer = await self._ask(asked)
            except MCPError:  # the host or its user would not: the model drives the flow by itself, as ever
                break
            following = await self._answer(asked.kind, asked.ticket, asked.token, asked.returns, answer)
            if following is None:
                break
            reply = _kept(reply, following)
        return reply

    async def go_on(self, state: State, responses: Mapping[str, Any] | None) -> Reply | wire.InputRequiredResult:
        """A call that comes again with what it was asked for."""
        answer = (responses or {}).get(_KEY)
        token = self._desk.token_of(state.ticket)
        if (
            state.kind == "ask"
            and self._samples
            and isinstance(answer, wire.CreateMessageResult | wire.CreateMessageResultWithTools)
        ):
            reply = await self._desk.submit(token, result=_value(_text(answer), state.plain), by=self._by)
            return await self._required(reply, state.rounds)
        if state.kind == "wait" and self._elicits and isinstance(answer, wire.ElicitResult):
            returns = await self._desk.wants(state.ticket)
            following = await self._answer("wait", state.ticket, "", returns or {}, answer)
            if following is not None:
                return await self._required(following, state.rounds)
        return await self._desk.status(state.ticket.run, token=self._desk.token_of(state.ticket, handle=True))

    async def _required(self, reply: Reply, rounds: int) -> Reply | wire.InputRequiredResult:
        asked = None if rounds >= ROUNDS else await self._asked(reply)
        if asked is None:
            return reply
        state = State(asked.kind, asked.ticket, rounds + 1, plain=asked.returns.get("type") == "string")
        return wire.InputRequiredResult(input_requests={_KEY: asked.question}, request_state=self._desk.sign(state))

    async def _asked(self, reply: Reply) -> _Asked | None:
        """What the host can be asked to get on from a reply."""
        if reply["kind"] in ("request", "invalid") and self._samples and "instruction" in reply:
            ticket = self._desk.ticket(reply["token"])
            # With tools the model has a conversation to lead, which it does through flow_submit.
            if ticket is None or reply["tools"] or reply.get("turns"):
                return None
            return _Asked(_sampling(reply), "ask", ticket, reply["returns"], reply["token"])
        if reply["kind"] == "waiting" and self._elicits and "status_token" in reply:
            found = await self._desk.person_asked(reply["status_token"])
            form = None if found is None else forms.form(found[1].request, found[1].problems)
            if found is None or form is None:
                return None
            question = wire.ElicitRequest(
                params=wire.ElicitRequestFormParams(message=form.message, requested_schema=form.schema)
            )
            return _Asked(question, "wait", found[0], found[1].request.get("returns") or {})
        return None

    async def _ask(self, asked: _Asked) -> Answer:
        result: type[wire.CreateMessageResult] | type[wire.ElicitResult]
        result = wire.ElicitResult if asked.kind == "wait" else wire.CreateMessageResult
        return await self._context.session.send_request(
            asked.question, result, metadata=ServerMessageMetadata(related_request_id=self._context.request_id)
        )

    async def _answer(
        self, kind: str, ticket: Ticket, token: str, returns: Mapping[str, Any], answer: Answer
    ) -> Reply | None:
        """The reply after an answer; None when there was none and somebody else must go on."""
        if isinstance(answer, wire.ElicitResult):
            found = forms.answer(answer.action, answer.content, returns) if kind == "wait" else None
            return None if found is None else await self._desk.answer_wait(ticket, found[0])
        if kind != "ask":
            return None
        value = _value(_text(answer), returns.get("type") == "string")
        return await self._desk.submit(token, result=value, by=self._by)


def _kept(before: Reply, reply: Reply) -> Reply:
    """A later reply with the `resume` secret that only the first one had, while there is a run to resume."""
    open_ = reply["kind"] in ("request", "invalid", "waiting")
    return {**reply, "resume": before["resume"]} if open_ and "resume" in before else reply


def _sampling(reply: Reply) -> wire.CreateMessageRequest:
    instruction = prompts.user(reply)
    if reply["returns"].get("type") != "string":
        schema = json.dumps(reply["returns"], ensure_ascii=False)
        instruction += f"\n\nAnswer with JSON that matches this schema, and with nothing else:\n{schema}"
    if problems := reply.get("problems"):
        instruction += f"\n\n{prompts.refusal(problems)}"
    message = wire.SamplingMessage(role="user", content=wire.TextContent(type="text", text=instruction))
    return wire.CreateMessageRequest(
        params=wire.CreateMessageRequestParams(
            messages=[message], system_prompt=prompts.system(reply), max_tokens=_MOST_TOKENS
        )
    )


def _text(answer: wire.CreateMessageResult | wire.CreateMessageResultWithTools) -> str:
    parts = answer.content if isinstance(answer.content, list) else [answer.content]
    return "".join(part.text for part in parts if isinstance(part, wire.TextContent))


def _value(text: str, plain: bool) -> Any:
    """A sampled text as the value it stands for; what is no JSON goes on as it is and is refused with reasons."""
    if plain:
        return text
    body = text.strip()
    if body.startswith("```"):
        body = body.partition("\n")[2].rpartition("```")[0]
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return text


async def undo(desk: Desk, reply: Reply) -> None:
    """End the run that a cancelled call had begun: its host never got a token, so nobody could go on with it."""
    token = reply.get("token") or reply.get("status_token")
    if token is not None:
        with anyio.CancelScope(shield=True):
            await desk.cancel(reply["run"], token, "the host cancelled the call that began this run")
