"""Exact o200k token counts, offline.

o200k is the public encoding nearest to what today's models use; budgets are in its tokens. The vocabulary is part of
`toktok-rs`, which takes half a CPU-second to be ready; where `splintr-rs` is installed (the extra `tokens`, 38 MB), it
counts the same and takes half of that. Either loads with the first count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

ENCODING = "o200k_base"
_ID = 4
"""Bytes of a token in a flat encoding."""


def count(text: str) -> int:
    """The number of o200k tokens of `text`; special tokens such as `<|endoftext|>` count as ordinary text."""
    try:
        return _counter()(text)
    except UnicodeEncodeError:
        return count(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def count_many(texts: Iterable[str]) -> list[int]:
    """The number of tokens of each text, in order. A lone surrogate counts as the replacement character."""
    return [count(text) for text in texts]


@cache
def _counter() -> Callable[[str], int]:
    """What counts a text, the faster one if it is there. Raises `UnicodeEncodeError` for half a character."""
    try:
        return _splintr()
    except ImportError:
        return _toktok()


def _splintr() -> Callable[[str], int]:
    from splintr import Tokenizer

    # No `.jit(False)`: o200k is split by a scanner and compiles no pattern, and setting it makes all tables again.
    tokenizer = Tokenizer.from_pretrained(ENCODING)
    # The faster one takes special tokens for what they are, the other one for text.
    flat, ordinary = tokenizer.encode_flat, tokenizer.encode_ordinary

    def counted(text: str) -> int:
        # One character is found ten times as fast as two, and most texts have none.
        special = "|" in text and "<|" in text
        return len(ordinary(text)) if special else len(flat(text)) // _ID

    return counted


def _toktok() -> Callable[[str], int]:
    from toktok import batch_count  # type: ignore[import-untyped]

    def counted(text: str) -> int:
        tokens: int = batch_count((text,), ENCODING, threads=1)[0]
        return tokens

    return counted
