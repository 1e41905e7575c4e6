"""Places in a text as an editor counts them, and as Python does."""

from __future__ import annotations

import re
from bisect import bisect_right

_BREAK = re.compile(r"\r\n|\n|\r")
_ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


class Lines:
    """Turns offsets in characters into (line, unit) of the Language Server Protocol and back; both count from 0.

    `encoding` is what client and server have agreed on: `utf-16` unless the client offers more. Only `\\n`, `\\r\\n`
    and `\\r` end a line.
    """

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self._codec, self._width = _ENCODINGS[encoding]
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._ascii = text.isascii()

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the unit in it of a character; of the nearest one for an offset outside the text."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        if self._ascii:
            return line, offset - start
        return line, len(self.text[start:offset].encode(self._codec, "surrogatepass")) // self._width

    def offset(self, line: int, unit: int) -> int:
        """The character at a place; a unit inside a character, or behind the line, is the nearest one before."""
        if line >= len(self._starts):
            return len(self.text)
        written = self.line(max(line, 0))
        start = self._starts[max(line, 0)]
        if self._ascii:
            return start + min(max(unit, 0), len(written))
        units = written.encode(self._codec, "surrogatepass")[: max(unit, 0) * self._width]
        return start + len(units.decode(self._codec, "ignore"))

    def line(self, number: int) -> str:
        """The text of a line, counted from 0, without its end."""
        start = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")
