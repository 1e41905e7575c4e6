"""JSON values as JavaScript, and texts as comments: whatever they hold, a program reads back what was written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_UNSAFE = re.compile('[\x00-\x1f"\\\\\x7f\u2028\u2029\ufeff\ud800-\udfff]|<(?=[/!])')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NAME = re.compile("[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)


def literal(value: Any) -> str:
    """A JSON value as a JavaScript expression that may stand in a file, a `<script>` or a module alike.

    Lone surrogates stay what they are; a key `__proto__` is a key like any other. Raises `ValueError` for NaN and
    infinities, `TypeError` for what is no JSON.
    """
    if isinstance(value, str):
        return f'"{_UNSAFE.sub(_escaped, value)}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value, allow_nan=False)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def _key(name: str) -> str:
    return '["__proto__"]' if name == "__proto__" else property_name(name)


def property_name(name: str) -> str:
    """A name as JavaScript and TypeScript write it before a colon."""
    return name if _NAME.fullmatch(name) else literal(name)


def comment(text: str, indent: str = "") -> str:
    """A documentation comment of one line, with its line end; nothing for no text. A lone surrogate becomes `?`."""
    line = " ".join(text.split()).replace("*/", "*\\/").encode("utf-8", "replace").decode()
    return f"{indent}/** {line} */\n" if line else ""
