"""SQLite's binary JSON (https://sqlite.org/jsonb.html), in which Mastra keeps metadata; SQLite has it from 3.45."""

from __future__ import annotations

import json
from typing import Any

_SIZES = {12: 1, 13: 2, 14: 4, 15: 8}
_ARRAY, _OBJECT = 11, 12
_DEEPEST = 1_000


def decode_jsonb(data: bytes) -> Any:
    """The value of a blob. Raises `ValueError` for one that is damaged, or that only JSON5 could hold."""
    try:
        value, end = _value(data, 0, _DEEPEST)
    except ValueError as error:
        raise ValueError(f"this is no binary JSON of SQLite's: {error}") from None
    if end != len(data):
        raise ValueError(f"this is no binary JSON of SQLite's: {len(data) - end} bytes are left over")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if at >= len(data) or not depth:
        raise ValueError("it ends too early, or is too deep")
    kind, size, start = data[at] & 0x0F, data[at] >> 4, at + 1
    if size in _SIZES:
        length = _SIZES[size]
        size, start = int.from_bytes(data[start : start + length], "big"), start + length
    end = start + size
    if end > len(data):
        raise ValueError("it ends too early")
    if kind in (_ARRAY, _OBJECT):
        items = []
        while start < end:
            item, start = _value(data, start, depth - 1)
            items.append(item)
        if start != end or (kind == _OBJECT and len(items) % 2):
            raise ValueError("its parts do not fit")
        return (items if kind == _ARRAY else dict(zip(items[::2], items[1::2], strict=True))), end
    return _scalar(kind, data[start:end].decode()), end


def _scalar(kind: int, text: str) -> Any:
    match kind:
        case 0:
            return None
        case 1 | 2:
            return kind == 1
        case 3:
            return int(text)
        case 4:
            return int(text, 0)
        case 5 | 6:
            return float(text)
        case 7 | 10:
            return text
        case 8 | 9:
            return json.loads(f'"{text}"', strict=False)
        case _:
            raise ValueError(f"it holds a value of the unknown kind {kind}")
