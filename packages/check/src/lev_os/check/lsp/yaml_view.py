"""A YAML document under a cursor: which key or value stands at an offset, and where each character of a value is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lev_os.core.documents import Document, Path

from ..rule import Span

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as a line break
_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*[ \t]+")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\n]*)?\r?\n")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", " ": " ",
    '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029", "\t": "\t",
}  # fmt: skip
_CODES = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True, slots=True)
class Spot:
    """What stands under a cursor: a key, or a scalar that is a value."""

    path: Path
    key: bool
    span: Span
    value: Any


@dataclass(frozen=True)
class YamlView:
    """A document and the text that it was read from; of frontmatter, the whole file's."""

    text: str
    document: Document

    @cached_property
    def _starts(self) -> list[int]:
        bom = self.text.startswith("\ufeff")
        return [int(bom), *(match.end() for match in _BREAK.finditer(self.text))]

    def offset(self, path: Path, *, key: bool = False) -> int | None:
        """Where the value, or the key, begins; None for what an alias has brought."""
        place = (self.document.keys if key else self.document.positions).get(path)
        return None if place is None else self._starts[min(place[0], len(self._starts)) - 1] + place[1] - 1

    def value(self, path: Path) -> Any:
        """The value at a path, which must be there."""
        found = self.document.data
        for part in path:
            found = found[part]
        return found

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """A key or a scalar with its quotes; the beginning of anything else."""
        start = self.offset(path, key=key)
        if start is None:
            return None
        value = path[-1] if key else self.value(path)
        offsets = align(self.text, start, value) if isinstance(value, str) else None
        if offsets is None:
            return start, _word_end(self.text, start)
        quoted = self.text[offsets[-1] : offsets[-1] + 1] in {"'", '"'} and offsets[0] > start
        return start, offsets[-1] + quoted

    def characters(self, path: Path, *, key: bool = False) -> Sequence[int] | None:
        """The offset of each character of a text, and of its end; None when they cannot be told."""
        start = self.offset(path, key=key)
        value = path[-1] if key else self.value(path)
        return align(self.text, start, value) if start is not None and isinstance(value, str) else None

    def at(self, offset: int) -> Spot | None:
        """The key or scalar that an offset stands in or directly behind; None between them."""
        path: Path = ()
        data = self.document.data
        while True:
            part = self._child(data, path, offset)
            if part is None:
                return None if isinstance(data, Mapping | list) else self._spot(path, offset, data, key=False)
            path = (*path, part)
            if isinstance(data, Mapping) and (found := self._spot(path, offset, part, key=True)):
                return found
            data = data[part]

    def _child(self, data: Any, path: Path, offset: int) -> str | int | None:
        """The last child that begins at or before an offset."""
        if isinstance(data, Mapping):
            parts: Sequence[str | int] = list(data)
        elif isinstance(data, list):
            parts = range(len(data))
        else:
            return None
        keyed = isinstance(data, Mapping)
        starts = [-1 if (at := self.offset((*path, part), key=keyed)) is None else at for part in parts]
        index = bisect_right(starts, offset) - 1
        return parts[index] if index >= 0 and starts[index] >= 0 else None

    def _spot(self, path: Path, offset: int, value: Any, *, key: bool) -> Spot | None:
        span = self.span(path, key=key)
        return Spot(path, key, span, value) if span is not None and span[0] <= offset <= span[1] else None


def align(text: str, start: int, value: str) -> list[int] | None:
    """The offset in `text` of each character of a scalar that begins at `start`, and of the end of the last.

    None when text and value cannot be matched. Folded line breaks stand where the break is.
    """
    while match := _PROPERTY.match(text, start):
        start = match.end()
    header = _HEADER.match(text, start)
    quote = text[start : start + 1] if text[start : start + 1] in {"'", '"'} else ""
    at = header.end() if header else start + len(quote)
    offsets: list[int] = []
    for char in value:
        joined = quote == '"' and text[at : at + 1] == "\\" and text[at + 1 : at + 2] in {"\n", "\r"}
        if joined or not char.isspace():
            at = _skip(text, at, escapes=quote == '"')
        width = _width(text, at, char, quote)
        if width == 0 and not char.isspace():
            return None
        offsets.append(at)
        at += width
    return [*offsets, at]


def _skip(text: str, at: int, *, escapes: bool) -> int:
    """Past white space, and past the end of a line that a backslash joins."""
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif escapes and text[at] == "\\" and text[at + 1 : at + 2] in {"\n", "\r"}:
            at += 2
        else:
            break
    return at


def _width(text: str, at: int, char: str, quote: str) -> int:
    """How many characters at `at` stand for `char`; 0 when they do not."""
    here = text[at : at + 1]
    if quote == '"' and here == "\\":
        kind = text[at + 1 : at + 2]
        if digits := _CODES.get(kind):
            code = text[at + 2 : at + 2 + digits]
            return 2 + digits if code.lower() == f"{ord(char):0{digits}x}" else 0
        return 2 if _ESCAPES.get(kind) == char else 0
    if quote == "'" and char == "'":
        return 2 if text.startswith("''", at) else 0
    return int(here == char and char != "\n")


def _word_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and not text[end].isspace() and text[end] not in ",]}":
        end += 1
    return end
