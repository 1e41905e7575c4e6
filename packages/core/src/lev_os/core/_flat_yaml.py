"""Flat mappings of words and quoted texts, as most heads of contexts are, read without libyaml.

Loading PyYAML takes 8 ms and each document a tenth of that for every three keys; this takes 3 µs. It reads what it
is sure of and nothing else: `_yaml` reads the rest, and says what is wrong with it.
"""

from __future__ import annotations

import re

from .documents import Document, Place, Positions

_MAX_CHARACTERS = 20_000
_LINE = re.compile(
    r"([A-Za-z][A-Za-z0-9_-]{0,63}): "
    r"(?:([A-Za-z][^:#\x00-\x1f\x7f]*)|\"([^\"\\\x00-\x1f\x7f]*)\"|'([^'\x00-\x1f\x7f]*)')(?:\n|\Z)"
)
_NOT_WORDS = frozenset(
    {"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"}
)  # the words of YAML 1.2's core schema that begin with a letter


def read_flat(text: str, path: str | None) -> Document | None:
    """The document, if every line is `key: value` with a value that can mean nothing but itself; else None."""
    if len(text) > _MAX_CHARACTERS or not (text.isascii() or all(map(_is_plain, set(text)))):
        return None
    data: dict[str, str] = {}
    children: dict[str, tuple[int, int, Place]] = {}
    at = len(text) - len(text.lstrip("\n"))
    first = line = at + 1
    while at < len(text):
        found = _LINE.match(text, at)
        if found is None:
            return None
        key, plain, double, single = found.groups()
        value = plain or double or single or ""
        if key in data or key in _NOT_WORDS or (plain and (plain in _NOT_WORDS or plain[-1] == " ")):
            return None
        data[key] = value
        children[key] = line, 1, (line, len(key) + 3, plain is not None, None)
        at = found.end()
        line += 1
    if not data:
        return None
    root: Place = (first, 1, False, children)
    return Document(data, Positions(root), Positions(root, keys=True), path, text)


def _is_plain(character: str) -> bool:
    """Whether a character is ASCII, or a letter or sign that is neither hidden nor the end of a line."""
    return (
        character < "\x80"
        or "\u00a1" <= character <= "\u1fff"
        or "\u2010" <= character <= "\u2027"
        or "\u2030" <= character <= "\u205e"
        or "\u3000" <= character <= "\ud7ff"
        or "\uf900" <= character <= "\ufdff"
    )
