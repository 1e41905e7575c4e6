"""From the name of an embedder to one, and keeping a backend's vectors complete."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from lev_os.core.llm_runtime.embedding import Embedder, open_embedder

from .backends import MemoryBackend

EmbedderChoice = str | Embedder | None
"""`static`, `minilm`, a name of Pydantic AI's such as `openai:text-embedding-3-small`, an embedder, or None."""

_NAMES = {"static": "wordllama"}
_BATCH = 256


def choose_embedder(choice: EmbedderChoice) -> Embedder | None:
    """The embedder that is meant; raises `NoModel` with the ways to get it."""
    return open_embedder(_NAMES.get(choice, choice)) if isinstance(choice, str) else choice


class Indexer:
    """Embeds what a backend has no vectors of.

    What was put before this process began, or for another embedder, is done in the background. What is put now is
    done before `put` returns, unless the background has not come to an end.
    """

    def __init__(self, embedder: Embedder, backend: MemoryBackend) -> None:
        self._embedder = embedder
        self._backend = backend
        self._lock = asyncio.Lock()
        self._behind: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with what is missing, if anything is."""
        if "dense" in self._backend.capabilities and await self._backend.unembedded(1):
            self._behind = asyncio.create_task(self._all())

    async def take_in(self) -> None:
        """Embed what was just put."""
        if self._behind is not None and not self._behind.done():
            return
        await self._all()

    async def settle(self) -> None:
        """Wait until nothing is missing; raises what embedding in the background raised."""
        if self._behind is not None:
            await self._behind
        await self._all()

    def embed_query(self, text: str) -> Any | None:
        """The vector of a question; None for a blank one. Blocks: backends call it where they search."""
        return self._embedder.embed([text])[0] if text.strip() else None

    async def close(self) -> None:
        """Stop; what is missing is done the next time."""
        if self._behind is not None:
            self._behind.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._behind

    async def _all(self) -> None:
        if "dense" not in self._backend.capabilities:
            return
        async with self._lock:
            while waiting := await self._backend.unembedded(_BATCH):
                # An embedder takes no blank text; any other stands for none.
                texts = [text if text.strip() else "-" for _, text in waiting]
                vectors = await asyncio.to_thread(self._embedder.embed, texts)
                await self._backend.embed([(key, vector) for (key, _), vector in zip(waiting, vectors, strict=True)])
