"""Exact o200k token counts, offline.

o200k is the public encoding nearest to what today's models use; budgets are in its tokens. The vocabulary is
compiled into `toktok-rs` and takes about half a CPU-second to load, so it loads with the first count.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

ENCODING = "o200k_base"
_MANY = 64 * 1024
"""Characters from which worker threads pay for themselves."""


@cache
def _counter() -> Any:
    from toktok import batch_count  # type: ignore[import-untyped]

    return batch_count


def count(text: str) -> int:
    """The number of o200k tokens of `text`; special tokens such as `<|endoftext|>` count as ordinary text."""
    return count_many((text,))[0]


def count_many(texts: Iterable[str]) -> list[int]:
    """The number of tokens of each text, in order. A lone surrogate counts as the replacement character."""
    batch = [_encodable(text) for text in texts]
    threads = 1 if sum(map(len, batch)) < _MANY else 0
    counts: list[int] = _counter()(batch, ENCODING, threads=threads)
    return counts


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
