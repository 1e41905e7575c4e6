"""One byte form for every JSON value, and its digest.

Keys are sorted by code point, there is no white space, and text is UTF-8. Two equal values have equal
bytes, so a digest names a value. NaN and infinities are not JSON and are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


encode: Callable[[Any], bytes] = _encoder.encode
"""The canonical bytes of a JSON value (dict, list, str, int, float, bool, None)."""
decode: Callable[[bytes | str], Any] = _decoder.decode
"""Parse JSON; raises `msgspec.DecodeError`."""


def digest_bytes(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """The digest of a JSON value's canonical bytes."""
    return digest_bytes(_encoder.encode(value))
