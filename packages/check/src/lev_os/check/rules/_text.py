"""Which unusual characters a file has: quick answers that spare rules from looking through it."""

from __future__ import annotations

from functools import lru_cache

from ..files import File

_ASCII = bytes(range(128))


@lru_cache(maxsize=2)
def _wide(data: bytes) -> frozenset[str]:
    return frozenset(data.translate(None, _ASCII).decode("utf-8", "surrogatepass"))


def wide(file: File) -> frozenset[str]:
    """The characters of the text outside ASCII."""
    return frozenset() if file.text.isascii() else _wide(file.data)
