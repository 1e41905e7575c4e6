"""Exact o200k token counts, offline.

o200k is the public encoding nearest to what today's models use; budgets are in its tokens. The vocabulary is part of
`toktok-rs`, which takes half a CPU-second to be ready; where `splintr-rs` is installed (the extra `tokens`, 38 MB), it
counts the same and takes half of that. Either loads with the first count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import islice
from typing import TypeAlias

ENCODING = "o200k_base"
_ID = 4
"""Bytes of a token in a flat encoding."""
_TOGETHER = 256
"""Texts that are counted at once: `toktok-rs` makes its tables of words anew for each call, 0.1 CPU-ms."""

Counter: TypeAlias = Callable[[Sequence[str]], list[int]]
"""The tokens of each text. Raises `UnicodeEncodeError` for half a character."""


def count(text: str) -> int:
    """The number of o200k tokens of `text`; special tokens such as `<|endoftext|>` count as ordinary text."""
    return count_many((text,))[0]


def count_many(texts: Iterable[str]) -> list[int]:
    """The number of tokens of each text, in order. A lone surrogate counts as the replacement character."""
    rest = iter(texts)
    counts: list[int] = []
    while some := [*islice(rest, _TOGETHER)]:
        try:
            counts += _counter()(some)
        except UnicodeEncodeError:
            counts += _counter()([text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in some])
    return counts


@cache
def _counter() -> Counter:
    """What counts texts, the faster one if it is there."""
    try:
        return _splintr()
    except ImportError:
        return _toktok()


def _splintr() -> Counter:
    from splintr import Tokenizer

    # No `.jit(False)`: o200k is split by a scanner and compiles no pattern, and setting it makes all tables again.
    tokenizer = Tokenizer.from_pretrained(ENCODING)
    # The faster one takes special tokens for what they are, the other one for text.
    flat, ordinary = tokenizer.encode_flat, tokenizer.encode_ordinary

    def counted(texts: Sequence[str]) -> list[int]:
        # One character is found ten times as fast as two, and most texts have none.
        return [len(ordinary(text)) if "|" in text and "<|" in text else len(flat(text)) // _ID for text in texts]

    return counted


def _toktok() -> Counter:
    from toktok import batch_count  # type: ignore[import-untyped]  # it ships none

    def counted(texts: Sequence[str]) -> list[int]:
        counts: list[int] = batch_count(texts, ENCODING, threads=1)
        return counts

    return counted
