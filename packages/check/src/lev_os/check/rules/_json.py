"""JSON files of other tools: their values, and the places of them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from lev_os.core.errors import InvalidInput

from ..files import File
from ..rule import Span


def read_json(file: File) -> Any:
    """The file's value; None when it is no JSON, which MAN601 reports."""
    return _value(file.text)


@lru_cache(maxsize=16)
def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def json_span(file: File, *path: str | int, key: bool = False) -> Span:
    """The value (or the key) at `path`; JSON is YAML but for oddities, of which the first character is shown."""
    try:
        at = file.yaml.at(path, key=key)
    except InvalidInput:
        return 0, 1
    return file.span_at(at.line or 1, at.column or 1)
