"""Writes JSON values as YAML that people like to read, and that reads back as the same values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 110
"""Columns within which a small list or mapping stays on one line; text is never folded."""

_PLAIN = re.compile(r"(?:[A-Za-z_]|\./)[A-Za-z0-9_ ./,'()?!;=+*%-]*|[0-9]+(?:ms|[smhd])")
_PLAIN_INSIDE = re.compile(r"(?:[A-Za-z_]|\./)[A-Za-z0-9_ ./()-]*|[0-9]+(?:ms|[smhd])")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""Not text to some reader of YAML, though not to ours."""
_MAX_SIMPLE_KEY = 1000
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def to_text(data: Mapping[str, Any]) -> str:
    """A mapping as a YAML document. Text with `${…}` is always quoted; lists of mappings are always blocks."""
    return "\n".join(_mapping(data, 0)) + "\n"


def _mapping(data: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for name, value in data.items():
        key = _scalar(name, inside=True)
        if len(key) > _MAX_SIMPLE_KEY:
            yield f"{pad}? {key}"
            yield from _entry(f"{pad}:", value, indent)
        else:
            yield from _entry(f"{pad}{key}:", value, indent)


def _list(items: list[Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for item in items:
        if isinstance(item, dict) and item:
            first, *rest = _mapping(item, indent + 2)
            yield f"{pad}- {first[indent + 2 :]}"
            yield from rest
        elif isinstance(item, list) and item and _one_line(item, WIDTH - indent) is None:
            yield f"{pad}-"
            yield from _list(item, indent + 2)
        else:
            yield from _entry(f"{pad}-", item, indent)


def _entry(start: str, value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, str) and (block := _literal(value)):
        yield f"{start} {block}"
        pad = " " * (indent + 2)
        yield from (pad + line if line else "" for line in value.removesuffix("\n").split("\n"))
        return
    line = _one_line(value, WIDTH - len(start))
    if line is not None:
        yield f"{start} {line}"
        return
    yield start
    yield from _mapping(value, indent + 2) if isinstance(value, dict) else _list(value, indent + 2)


def _literal(text: str) -> str | None:
    """The header of a literal block, when the text can be one."""
    if "\n" not in text or text[0] in " \n" or text.endswith("\n\n") or text == "\n":
        return None
    lines = text.removesuffix("\n").split("\n")
    if not all(line.isprintable() and not line.endswith(" ") for line in lines):
        return None
    return "|" if text.endswith("\n") else "|-"


def _one_line(value: Any, room: int) -> str | None:
    """A value on one line; None for a collection that is too long for that, or holds a list of mappings."""
    if not isinstance(value, dict | list):
        return _scalar(value, inside=False)
    if not _is_small(value):
        return None
    line = _flow(value)
    return line if len(line) <= room or not value else None


def _is_small(value: Any) -> bool:
    if isinstance(value, dict):
        return all(len(key) <= _MAX_SIMPLE_KEY // 10 and _is_small(item) for key, item in value.items())
    if isinstance(value, list):
        return all(not (isinstance(item, dict) and item) and _is_small(item) for item in value)
    return not (isinstance(value, str) and "\n" in value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key, inside=True)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value, inside=True)


def _scalar(value: Any, *, inside: bool) -> str:
    """`inside`: within brackets, or a key."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    pattern = _PLAIN_INSIDE if inside else _PLAIN
    if pattern.fullmatch(value) and not value.endswith(" ") and value.lower() not in _WORDS:
        return value
    if "\\" not in value and '"' not in value and value.isprintable():
        return f'"{value}"'
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
