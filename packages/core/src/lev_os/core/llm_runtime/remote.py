"""Embedders of providers, by Pydantic AI's names."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from .. import canonical
from .embedding import WAYS_TO_AN_EMBEDDER
from .errors import ModelUnavailable, NoModel
from .failing import redacted, summary

_MAX_CHARACTERS = 20_000
_BATCH = 256


class RemoteEmbedder:
    """See `Embedder`. Texts leave the machine. Use it outside of an event loop: it runs one of its own."""

    instant = False

    def __init__(self, name: str) -> None:
        try:
            from pydantic_ai.embeddings import infer_embedding_model

            infer_embedding_model(name)
        except Exception as error:  # each provider has errors of its own for a missing key or SDK
            raise NoModel(f"the embedder {name} cannot be opened: {error}", help=WAYS_TO_AN_EMBEDDER) from None
        self.name = name

    @cached_property
    def digest(self) -> str:
        """See `Embedder`. Asks for one vector: behind a name a provider may put a model of other dimensions."""
        return canonical.digest({"embedder": self.name, "dimensions": self.embed(["dimensions"]).shape[1]})

    def embed(self, texts: Sequence[str]) -> Any:
        """See `Embedder.embed`; raises `ModelUnavailable` when the provider gives no vectors."""
        import numpy as np

        try:
            found = asyncio.run(self._ask([text[:_MAX_CHARACTERS] for text in texts]))
            vectors = np.asarray(found, dtype=np.float32)
        except Exception as error:  # each provider and transport has errors of its own
            message = f"the embedder {self.name} failed: {summary(error)}"
            raise ModelUnavailable(message, retryable=True, said=redacted(str(error))) from None
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            message = f"the embedder {self.name} gave no vector of finite numbers for each of {len(texts)} texts"
            raise ModelUnavailable(message, retryable=True)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    async def _ask(self, texts: Sequence[str]) -> list[Sequence[float]]:
        from pydantic_ai.embeddings import Embedder, infer_embedding_model

        # A model of its own for this event loop: a client's connections belong to the loop that opened them.
        embedder = Embedder(infer_embedding_model(self.name))
        found: list[Sequence[float]] = []
        for start in range(0, len(texts), _BATCH):
            found += (await embedder.embed_documents(texts[start : start + _BATCH])).embeddings
        return found
