"""One byte form for every JSON value, and its digest.

Keys are sorted by code point, there is no white space, and text is UTF-8. Two equal values have equal
bytes, so a digest names a value. NaN and infinities are not JSON: `is_json` finds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import isfinite
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


encode: Callable[[Any], bytes] = _encoder.encode
"""The canonical bytes of a JSON value (dict, list, str, int, float, bool, None)."""
decode: Callable[[bytes | str], Any] = _decoder.decode
"""Parse JSON; raises `msgspec.DecodeError`."""


def is_json(value: Any, data: bytes) -> bool:
    """Whether `data`, the bytes of `value`, say all of it: NaN and infinities would have become null."""
    if b"null" not in data:
        return True
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, float):
            if not isfinite(item):
                return False
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            pending.extend(item)
    return True


def digest_bytes(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """The digest of a JSON value's canonical bytes."""
    return digest_bytes(_encoder.encode(value))
