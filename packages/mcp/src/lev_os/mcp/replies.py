"""The replies of the flow tools, as JSON objects: their `kind` says what they are, `next` how to go on.

`request` something is to be answered · `invalid` an answer or a call that cannot be used, with the reasons ·
`waiting` a person must act first · `done` · `failed` · `denied` · `cancelled` · `conflict` the token was answered
otherwise before, or another host drives the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lev_os.core.bidirectional.effects import Effect, Outcome

Reply = dict[str, Any]
KINDS = ("request", "invalid", "waiting", "done", "failed", "denied", "cancelled", "conflict")
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": list(KINDS)},
        "run": {"type": "string"},
        "next": {"type": "string", "description": "the literal next call"},
    },
    "required": ["kind"],
}
"""The output schema of the flow tools."""


def call(tool: str, **arguments: Any) -> str:
    """A tool call as text that a model can copy; `...` stands for what it fills in."""
    written = ", ".join(
        f"{name}={'…' if value is ... else json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
    )
    return f"{tool}({written})"


def request(*, run: str, token: str, effect: Effect, pending: int) -> Reply:
    """What the host's model is to answer: a `model` effect, ready to be worked on and sent back."""
    asked = effect.request
    tools = [
        {key: tool[key] for key in ("name", "description", "input_schema") if key in tool}
        for tool in asked.get("tools") or ()
    ]
    following = call("flow_submit", token=token, result=...)
    if tools:
        following += " or " + call("flow_submit", token=token, tool_calls=[{"tool": "…", "arguments": {}}])
    reply: Reply = {
        "kind": "request",
        "run": run,
        "token": token,
        "instruction": asked.get("instruction", ""),
        "context": [{"specifier": part["specifier"], "text": part["text"]} for part in asked.get("context") or ()],
        "about": asked.get("about"),
        "returns": asked.get("returns") or {"type": "string"},
        "tools": tools,
        "next": following,
        "pending": pending,
        "purpose": asked.get("purpose", "ask"),
        "attempt": effect.attempt,
    }
    if turns := asked.get("turns"):
        reply["turns"] = turns
    if problems := [*effect.problems, *(p for p in asked.get("problems") or () if p not in effect.problems)]:
        reply["problems"] = problems
    return reply


def waiting(*, run: str, handle: str, waits: Iterable[Effect]) -> Reply:
    """A person must act. The waits' own tokens are not in it: no model answers them."""
    people = [wait(effect.request) for effect in waits]
    return {
        "kind": "waiting",
        "run": run,
        "for": people,
        "status_token": handle,
        "next": call("flow_status", run=run, token=handle),
        "help": f"a person answers with `lev runs approve {run}`; then ask again",
    }


def wait(asked: Mapping[str, Any]) -> Reply:
    """What a person is asked: never the token that answers."""
    known = {key: asked.get(key) for key in ("name", "purpose", "about", "returns")}
    approves = asked.get("for")
    if isinstance(approves, Mapping):
        known["approves"] = {key: approves[key] for key in ("kind", "summary", "findings") if key in approves}
    return {key: value for key, value in known.items() if value is not None}


def finished(*, run: str, outcome: Outcome) -> Reply:
    """How the run ended."""
    reply: Reply = {"kind": outcome.status, "run": run}
    if outcome.status == "done":
        reply["output"] = outcome.output
    elif outcome.error is not None:
        error = outcome.error
        reply["error"] = {"kind": error.kind, "message": error.message}
        if error.step:
            reply["error"]["step"] = error.step
        if error.details is not None:
            reply["error"]["details"] = error.details
    return reply


def invalid(errors: Sequence[str], *, next: str, run: str | None = None, token: str | None = None) -> Reply:
    """A call or an answer that cannot be used: why, and what to send instead."""
    reply: Reply = {"kind": "invalid", "errors": list(errors), "next": next}
    if run is not None:
        reply["run"] = run
    if token is not None:
        reply["token"] = token
    return reply


def conflict(*, run: str, reason: str, next: str) -> Reply:
    """The token was answered otherwise before, or the run is in other hands."""
    return {"kind": "conflict", "run": run, "errors": [reason], "next": next}


def text(reply: Reply) -> str:
    """The reply as a model reads it when its host shows it only text."""
    return json.dumps(reply, ensure_ascii=False, indent=1)
