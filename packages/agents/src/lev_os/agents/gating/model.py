"""The gate around a model: a request leaves after its verdict, and of an answer nothing is seen before its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestContext, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import RequestUsage

from . import wire
from .run import GatedRun
from .stream import GatedStream


class GatedModel(WrapperModel):
    """A model whose every request and answer passes the gate of one run.

    An answer that a principle wants otherwise is asked for again, with the reason, in a request that is not kept in
    the history: neither is the answer that was refused.
    """

    def __init__(self, wrapped: Model, run: GatedRun) -> None:
        super().__init__(wrapped)
        self.run = run

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        problems: list[str] = []
        spent = RequestUsage()
        attempt = 0
        while True:
            attempt += 1
            action = await self.run.question(messages, model_request_parameters, problems, attempt)
            sent = wire.with_refusal(messages, problems) if problems else messages
            response = await self.wrapped.request(sent, model_settings, model_request_parameters)
            spent += response.usage
            reason = await self.run.answer(action, response, model_request_parameters)
            if reason is None:
                if attempt > 1:
                    response.usage = spent
                return response
            problems = [reason]
            self.run.counted()

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        async with AsyncExitStack() as stack:

            async def open_stream(problems: Sequence[str]) -> StreamedResponse:
                sent = wire.with_refusal(messages, problems) if problems else messages
                opening = self.wrapped.request_stream(sent, model_settings, model_request_parameters, run_context)
                return await stack.enter_async_context(opening)

            action = await self.run.question(messages, model_request_parameters, (), 1)
            yield GatedStream(
                model_request_parameters,
                run=self.run,
                source=await open_stream(()),
                action=action,
                messages=messages,
                open_stream=open_stream,
            )

    async def count_tokens(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> RequestUsage:
        """Counting sends the messages to the provider, too."""
        await self.run.question(messages, model_request_parameters, (), 1)
        return await self.wrapped.count_tokens(messages, model_settings, model_request_parameters)

    async def compact_messages(
        self, request_context: ModelRequestContext, *, instructions: str | None = None
    ) -> ModelResponse:
        """So does compacting; what comes back passes as an answer."""
        parameters = request_context.model_request_parameters
        action = await self.run.question(request_context.messages, parameters, (), 1)
        response = await self.wrapped.compact_messages(request_context, instructions=instructions)
        if await self.run.answer(action, response, parameters) is not None:
            raise self.run.refuse(
                "the provider's summary of the conversation goes against the constitution",
                help="shorten the history before the run instead",
            )
        return response
