"""Models that say what a test tells them, and constitutions of a few lines."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from lev_os.core import Constitution
from lev_os.core.constitutional import Check, JudgeSpec, Principle
from lev_os.core.constitutional.model import Mode, OnViolation
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import (
    AgentInfo,
    DeltaThinkingPart,
    DeltaToolCall,
    FunctionModel,
)


def law(*principles: Principle, mode: Mode = "enforce") -> Constitution:
    """A constitution of these principles, with nothing inherited."""
    return Constitution.of(principles, name="law", mode=mode)


def rule(
    name: str,
    on: OnViolation = "block",
    *,
    phases: tuple[str, ...] = ("pre", "post", "tool"),
    judge: str | None = None,
    **checks: Any,
) -> Principle:
    """A principle; each keyword is a check: `rule("T-1", regex="hush")`."""
    return Principle(
        id=name,
        statement=f"Rule {name}.",
        on_violation=on,
        phases=frozenset(phases),
        checks=tuple(Check(kind=kind, argument=argument) for kind, argument in checks.items()),
        judge=None if judge is None else JudgeSpec(rubric=judge),
        source="test",
    )


NO_SECRET = law(rule("T-SECRET", regex={"pattern": "swordfish", "max_match": 9}))
MEND = law(
    rule(
        "T-MEND", "revise", phases=("post",), regex={"pattern": "promise", "fields": ["result.answer"], "max_match": 7}
    )
)


class Steady(Agent[Any, Any]):
    """An agent whose `run_sync` leaves no event loop behind, as Pydantic AI's does."""

    def run_sync(self, *given: Any, **options: Any) -> Any:
        return asyncio.run(self.run(*given, **options))


class Scripted(FunctionModel):
    """Gives its responses in turn, whole or in small pieces. `requests` are the messages of each request."""

    def __init__(self, *responses: ModelResponse | str) -> None:
        self.requests: list[list[ModelMessage]] = []
        self.infos: list[AgentInfo] = []
        self._left = [ModelResponse([TextPart(one)]) if isinstance(one, str) else one for one in responses]
        super().__init__(self._whole, stream_function=self._pieces)

    def _next(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.requests.append(list(messages))
        self.infos.append(info)
        return self._left.pop(0)

    async def _whole(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return self._next(messages, info)

    async def _pieces(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        for place, part in enumerate(self._next(messages, info).parts):
            if isinstance(part, TextPart):
                for piece in re.findall(r".{1,4}", part.content, re.DOTALL):
                    yield piece
            elif isinstance(part, ThinkingPart):
                for piece in re.findall(r".{1,4}", part.content, re.DOTALL):
                    yield {place: DeltaThinkingPart(content=piece)}
            elif isinstance(part, ToolCallPart):
                yield {place: DeltaToolCall(name=part.tool_name, json_args="", tool_call_id=part.tool_call_id)}
                for piece in re.findall(r".{1,6}", part.args_as_json_str(), re.DOTALL):
                    yield {place: DeltaToolCall(json_args=piece)}


def talks(*texts: str) -> Scripted:
    """A model that says these texts in turn."""
    return Scripted(*texts)


def answers(*responses: ModelResponse | str) -> Scripted:
    """A model that gives these responses in turn."""
    return Scripted(*responses)
