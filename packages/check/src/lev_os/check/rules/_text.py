"""Quick answers about a text, which spare rules from looking through it: most files have nothing for most rules.

A regular expression without a literal beginning takes a millisecond for a page; these take a few microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

_ASCII = bytes(range(128))
_NOT_CONTROL = bytes(set(range(256)) - (set(range(9)) | set(range(14, 32)) | {127}))
_ENCODED = bytes(
    98 if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" else 32 for byte in range(256)
)
_HEXADECIMAL = bytes(104 if chr(byte) in "0123456789abcdefABCDEF" else 32 for byte in range(256))


@lru_cache(maxsize=2)
def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=2)
def wide(text: str) -> frozenset[str]:
    """The characters of the text outside ASCII."""
    if text.isascii():
        return frozenset()
    return frozenset(_bytes(text).translate(None, _ASCII).decode("utf-8", "surrogatepass"))


def has_control(text: str) -> bool:
    """Whether there is an ASCII control character other than tabs, line ends and form feeds."""
    return bool(_bytes(text).translate(None, _NOT_CONTROL))


def has_base64(text: str, least: int) -> bool:
    """Whether there is a run of at least so many characters of base64."""
    return b"b" * least in _bytes(text).translate(_ENCODED)


def has_hexadecimal(text: str, least: int) -> bool:
    """Whether there is a run of at least so many hexadecimal digits."""
    return b"h" * least in _bytes(text).translate(_HEXADECIMAL)


@lru_cache(maxsize=2)
def lowered(text: str) -> str:
    """The text in lower case, with every character at its place."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def begins(text: str, words: tuple[str, ...]) -> Iterator[int]:
    """Where one of these words begins, in `text` itself."""
    for word in words:
        at = text.find(word)
        while at >= 0:
            if not at or not text[at - 1].isalnum():
                yield at
            at = text.find(word, at + len(word))
