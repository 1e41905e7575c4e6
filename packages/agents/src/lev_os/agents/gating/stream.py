"""An answer that is being written: late by what principles may still match, or held back until its verdict.

Text and thinking come out in the order of their parts. Everything after the first part of another kind (tool calls,
files), and every structured answer, comes out whole, after the verdict. An answer that is refused and written again
begins a new part: what was shown of the first, which nothing objected to, cannot be taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import Literal

from lev_os.core.constitutional import Action
from lev_os.core.constitutional.streaming import HeldText
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
)
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.usage import RequestUsage

from .run import GatedRun

_Kind = Literal["text", "thinking"]


@dataclass
class GatedStream(StreamedResponse):
    """What a consumer gets in place of the model's own stream."""

    _: KW_ONLY
    run: GatedRun
    source: StreamedResponse
    action: Action
    messages: list[ModelMessage]
    open_stream: Callable[[Sequence[str]], Awaitable[StreamedResponse]]
    _spent: RequestUsage = field(default_factory=RequestUsage, init=False)
    _whole: ModelResponse | None = field(default=None, init=False)
    _attempt: int = field(default=1, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        parameters = self.model_request_parameters
        while True:
            held = _Held(self.run, self.action, parameters)
            async for event in self.source:
                self.provider_response_id = self.source.provider_response_id
                for part, kind, more in held.take(event):
                    for shown in self._reveal(part, kind, more):
                        yield shown
            response = self.source.get()
            reason = await self.run.answer(self.action, response, parameters)
            if reason is None:
                break
            self._spent += response.usage
            self._attempt += 1
            self.run.counted()
            self.action = await self.run.question(self.messages, parameters, [reason], self._attempt)
            self.source = await self.open_stream([reason])
        for number, whole in enumerate(response.parts):
            if isinstance(whole, TextPart | ThinkingPart) and held.began(number):
                for shown in self._reveal(number, held.kind(number), held.rest(number, whole.content)):
                    yield shown
            else:
                yield self._parts_manager.handle_part(vendor_part_id=(self._attempt, number), part=whole)
        self._whole = response
        self.finish_reason = response.finish_reason
        self.provider_details = response.provider_details
        self.canonical_system = response.canonical_system
        self.state = response.state
        self.metadata = response.metadata
        self.failed_attempts = response.failed_attempts

    def _reveal(self, part: int, kind: _Kind, more: str) -> Iterator[ModelResponseStreamEvent]:
        if not more:
            return
        place = (self._attempt, part)
        if kind == "text":
            self.run.shown += more
            yield from self._parts_manager.handle_text_delta(vendor_part_id=place, content=more)
        else:
            yield from self._parts_manager.handle_thinking_delta(vendor_part_id=place, content=more)

    def get(self) -> ModelResponse:
        """The whole answer once it was let in; before, what has been shown of it."""
        if self._whole is not None:
            return replace(self._whole, usage=self.usage)
        return super().get()

    @property
    def usage(self) -> RequestUsage:
        return self._spent + self.source.usage

    async def close_stream(self) -> None:
        await self.source.cancel()

    def get_stream_cancel_errors(self) -> tuple[type[BaseException], ...]:
        return self.source.get_stream_cancel_errors()

    @property
    def model_name(self) -> str:
        return self.source.model_name

    @property
    def provider_name(self) -> str | None:
        return self.source.provider_name

    @property
    def provider_url(self) -> str | None:
        return self.source.provider_url

    @property
    def timestamp(self) -> datetime:
        return self.source.timestamp


class _Held:
    """The texts of one answer, in order, and how much of them has come out."""

    def __init__(self, run: GatedRun, action: Action, parameters: ModelRequestParameters) -> None:
        structured = parameters.output_mode in ("native", "prompted")
        self._run = run
        self._action = action
        self._texts: dict[int, str] = {}
        self._kinds: dict[int, _Kind] = {}
        self._shown: dict[int, int] = {}
        self._pending: deque[tuple[int, int]] = deque()
        self._held = HeldText(run.sessions, None if structured else run.lag, self._so_far)
        run.shown = ""

    def take(self, event: ModelResponseStreamEvent) -> Iterator[tuple[int, _Kind, str]]:
        """Pieces of text that may be seen now: (part, kind, text)."""
        if isinstance(event, PartStartEvent):
            if isinstance(event.part, TextPart):
                yield from self._more(event.index, "text", event.part.content)
            elif isinstance(event.part, ThinkingPart):
                yield from self._more(event.index, "thinking", event.part.content)
            else:
                self._held.stopped = True
        elif isinstance(event, PartDeltaEvent):
            if isinstance(event.delta, TextPartDelta):
                yield from self._more(event.index, "text", event.delta.content_delta)
            elif isinstance(event.delta, ThinkingPartDelta):
                yield from self._more(event.index, "thinking", event.delta.content_delta or "")

    def began(self, part: int) -> bool:
        """Whether some of a part has come out."""
        return self._shown.get(part, 0) > 0

    def kind(self, part: int) -> _Kind:
        return self._kinds[part]

    def rest(self, part: int, whole: str) -> str:
        """What has not come out of a part, of which the whole was let in."""
        return whole[self._shown[part] :]

    def _more(self, part: int, kind: _Kind, text: str) -> Iterator[tuple[int, _Kind, str]]:
        if not text or (self._texts and part < max(self._texts)):
            # An earlier part that goes on: its place has passed, so the rest waits for the verdict.
            self._held.stopped = self._held.stopped or bool(text)
            return
        self._texts[part] = self._texts.get(part, "") + text
        self._kinds[part] = kind
        self._pending.append((part, len(text)))
        left = len(self._held.more(text))
        while left and self._pending:
            place, length = self._pending.popleft()
            now = min(left, length)
            if now < length:
                self._pending.appendleft((place, length - now))
            left -= now
            begin = self._shown.get(place, 0)
            self._shown[place] = begin + now
            yield place, self._kinds[place], self._texts[place][begin : begin + now]

    def _so_far(self, _: str) -> Action:
        answer: dict[str, object] = {}
        thinking = [text for part, text in self._texts.items() if self._kinds[part] == "thinking"]
        text = "".join(text for part, text in self._texts.items() if self._kinds[part] == "text")
        if thinking:
            answer["thinking"] = thinking
        if text:
            answer["answer"] = text
        return self._run.answer_so_far(self._action, answer)
