"""`script:FILE`: a model whose answers are written down, for tests and docs.

```yaml
script: 1
replies:
  - answer: Hello.                 # answers the first request that no other reply claims
  - step: draft                    # only requests of this step
    answer: {text: Sorry., score: 0.9}
  - match: "charged|refund"        # only requests whose instruction or `about` matches (RE2, anywhere)
    tool_calls: [{tool: ./tools/find_order, arguments: {order_id: "17"}}]
  - purpose: judge                 # ask | judge | principle
    answer: {answer: refund}
    times: 3                       # how many requests it answers, or `always`; 1 when absent
  - fault: refuse                  # garbage | refuse | half | unknown_tool | unavailable | hang
otherwise: {answer: I do not know.}  # every other request; without it, they are an error
```

For each request the first reply that fits and is not used up answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..documents import Document, check, read_yaml
from ..errors import InvalidInput, Problem
from .client import OnDelta, Request, Result
from .errors import ModelRefused, ModelUnavailable, NoModel

Fault = Literal["garbage", "refuse", "half", "unknown_tool", "unavailable", "hang"]


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scripted reply: conditions (`step`, `match`, `purpose`), and an answer, tool calls or a fault."""

    answer: Any = msgspec.UNSET
    tool_calls: list[dict[str, Any]] | None = None
    fault: Fault | None = None
    step: str | None = None
    match: str | None = None
    purpose: Literal["ask", "judge", "principle"] | None = None
    times: int | Literal["always"] = 1
    usage: dict[str, float] | None = None


_REPLY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {},
        "tool_calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "tool": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["tool"],
                "additionalProperties": False,
            },
        },
        "fault": {"enum": ["garbage", "refuse", "half", "unknown_tool", "unavailable", "hang"]},
        "step": {"type": "string"},
        "match": {"type": "string"},
        "purpose": {"enum": ["ask", "judge", "principle"]},
        "times": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "always"}]},
        "usage": {
            "type": "object",
            "properties": {
                "input_tokens": {"type": "integer"},
                "output_tokens": {"type": "integer"},
                "cost": {"type": "number"},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
    "anyOf": [{"required": ["answer"]}, {"required": ["tool_calls"]}, {"required": ["fault"]}],
}
SCRIPT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Model script",
    "type": "object",
    "properties": {
        "script": {"const": 1},
        "replies": {"type": "array", "items": _REPLY},
        "otherwise": _REPLY,
    },
    "required": ["script"],
    "additionalProperties": False,
}


class ScriptModel:
    """A model that answers from a list of replies. `requests` are those it has seen, in order."""

    may_decide = True

    def __init__(self, replies: Iterable[Reply], *, otherwise: Reply | None = None, name: str = "script") -> None:
        self.name = name
        self.requests: list[Request] = []
        self._replies: list[Reply] = []
        self._left: list[int | Literal["always"]] = []
        self._otherwise = otherwise
        for reply in replies:
            self.add(reply)

    @classmethod
    def load(cls, path: Path) -> ScriptModel:
        """Read a script; raises `NoModel` when there is no such file, `InvalidInput` with every problem in it."""
        try:
            text = path.read_bytes()
        except OSError as error:
            help_ = "script:FILE is relative to the project"
            raise NoModel(f"cannot read the script {path}: {error.strerror}", help=help_) from None
        document = read_yaml(text, path=str(path))
        problems = check(document, SCRIPT_SCHEMA, code="SCRIPT101")
        if problems:
            raise InvalidInput(problems)
        problems = list(_bad_patterns(document))
        if problems:
            raise InvalidInput(problems)
        data = document.data
        otherwise = data.get("otherwise")
        return cls(
            [msgspec.convert(reply, Reply) for reply in data.get("replies", [])],
            otherwise=None if otherwise is None else msgspec.convert(otherwise, Reply),
            name=f"script:{path.name}",
        )

    def add(self, reply: Reply) -> None:
        """Put a reply behind those there are."""
        self._replies.append(reply)
        self._left.append(reply.times)

    async def ask(self, request: Request, *, deadline: float | None = None, on_delta: OnDelta | None = None) -> Result:
        """The next fitting reply; raises `ModelUnavailable` when the script has none."""
        self.requests.append(request)
        reply = self._next(request)
        if reply.fault is not None:
            return await self._fail(reply, on_delta)
        if reply.tool_calls is not None:
            result: Result = {"tool_calls": [{"arguments": {}, **call} for call in reply.tool_calls]}
        else:
            result = {"answer": reply.answer}
            if on_delta is not None and isinstance(reply.answer, str) and request.get("returns") is None:
                for word in _words(reply.answer):
                    on_delta(word)
        if reply.usage is not None:
            result["usage"] = dict(reply.usage)
        return {**result, "decided_by": self.name}

    def _next(self, request: Request) -> Reply:
        for place, reply in enumerate(self._replies):
            left = self._left[place]
            if left != 0 and _fits(reply, request):
                self._left[place] = left if left == "always" else left - 1
                return reply
        if self._otherwise is not None:
            return self._otherwise
        raise ModelUnavailable(
            f"{self.name} has no reply left for step `{request.get('step')}` "
            f"({request.get('purpose', 'ask')}: {_short(request.get('instruction'))}); "
            f"it was asked {len(self.requests)} times and holds {len(self._replies)} replies",
            help="add a reply for that step, or `otherwise`",
        )

    async def _fail(self, reply: Reply, on_delta: OnDelta | None) -> Result:
        if reply.fault == "refuse":
            raise ModelRefused(f"{self.name} refuses to answer")
        if reply.fault == "unavailable":
            raise ModelUnavailable(f"{self.name} is not available", retryable=True)
        if reply.fault == "half":
            text = reply.answer if isinstance(reply.answer, str) else "An answer that breaks off in the mid"
            if on_delta is not None:
                on_delta(text[: len(text) // 2 + 1])
            raise ModelUnavailable(f"{self.name} broke off in the middle of its answer", retryable=True)
        if reply.fault == "hang":
            await asyncio.Event().wait()
        if reply.fault == "unknown_tool":
            return {"tool_calls": [{"tool": "no_such_tool", "arguments": {}}], "decided_by": self.name}
        return {"answer": "}{ %% not what was asked for", "decided_by": self.name}


def _bad_patterns(document: Document) -> Iterator[Problem]:
    import re2  # type: ignore[import-untyped]

    for place, reply in enumerate(document.data.get("replies", [])):
        try:
            re2.compile(reply.get("match", ""), _quiet())
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            at = document.at(("replies", place, "match"))
            yield Problem(
                "SCRIPT102", f"`match` is not a regular expression: {reason}", at, help="write it as RE2 does"
            )


def _quiet() -> Any:
    """Options with which RE2 does not print its complaint."""
    import re2

    options = re2.Options()
    options.log_errors = False
    return options


def _fits(reply: Reply, request: Request) -> bool:
    if reply.step is not None and reply.step != request.get("step"):
        return False
    if reply.purpose is not None and reply.purpose != request.get("purpose", "ask"):
        return False
    if reply.match is None:
        return True
    import re2

    text = f"{request.get('instruction') or ''}\n{request.get('about') or ''}"
    return re2.search(reply.match, text) is not None


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]]


def _short(text: object) -> str:
    line = str(text or "").replace("\n", " ")
    return line if len(line) <= 60 else line[:59] + "…"
