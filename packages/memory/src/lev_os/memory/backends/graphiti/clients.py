"""What Graphiti asks: a model and an embedder of ours, in its own clothes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lev_os.core.llm_runtime.embedding import Embedder

from .parts import part

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_ai.models import Model

Answer: TypeAlias = "Callable[[str, str, type[BaseModel] | None], Awaitable[dict[str, Any]]]"
"""Answers instructions and a question: with the fields of a Pydantic model, or with `{"content": text}` without one."""


def graphiti(driver: Any, answer: Answer, embedder: Embedder) -> Any:
    """A `Graphiti` on a driver, which asks nobody else."""
    return part("graphiti").Graphiti(
        graph_driver=driver,
        llm_client=_model_client(answer),
        embedder=_embedder_client(embedder),
        cross_encoder=_in_order(),
    )


def asking(model: str | Model) -> Answer:
    """A model of Pydantic AI's as a function."""
    from pydantic_ai import Agent

    async def answer(instructions: str, question: str, kind: type[BaseModel] | None) -> dict[str, Any]:
        if kind is None:
            said = await Agent(model, instructions=instructions).run(question)
            return {"content": said.output}
        found = await Agent(model, instructions=instructions, output_type=kind).run(question)
        return found.output.model_dump()

    return answer


def _model_client(answer: Answer) -> Any:
    base = part("llm_client.client").LLMClient

    class ModelClient(base):  # type: ignore[misc, valid-type]  # imported on first use
        async def _generate_response(
            self, messages: Sequence[Any], response_model: type[BaseModel] | None = None, *_: Any, **__: Any
        ) -> dict[str, Any]:
            instructions = "\n\n".join(message.content for message in messages if message.role == "system")
            question = "\n\n".join(message.content for message in messages if message.role != "system")
            return await answer(instructions, question, response_model)

    return ModelClient(None)


def _embedder_client(embedder: Embedder) -> Any:
    base = part("embedder.client").EmbedderClient

    class Client(base):  # type: ignore[misc, valid-type]  # imported on first use
        async def create(self, input_data: Any) -> list[float]:
            found = await self.create_batch([input_data if isinstance(input_data, str) else input_data[0]])
            return found[0]

        async def create_batch(self, input_data_list: list[str]) -> list[list[float]]:
            texts = [text if text.strip() else "-" for text in input_data_list]
            return [row.tolist() for row in await asyncio.to_thread(embedder.embed, texts)]

    return Client()


def _in_order() -> Any:
    base = part("cross_encoder.client").CrossEncoderClient

    class InOrder(base):  # type: ignore[misc, valid-type]  # imported on first use
        """The passages as they come: Graphiti wants a reranker, and would take OpenAI's."""

        async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
            return [(passage, 1 / (place + 1)) for place, passage in enumerate(passages)]

    return InOrder()
