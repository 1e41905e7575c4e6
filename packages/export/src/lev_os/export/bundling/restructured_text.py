"""The section titles of reStructuredText, as docutils finds them: a line with a row of one mark under it, or around it.

What may hold such lines without a title in it is passed over: whatever is indented, literal blocks, tables, doctests,
the lines of a paragraph after its first. Source: "reStructuredText Markup Specification", and the parser of docutils.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate

_MARK = r"[!-/:-@\[-`{-~]"
_ROW = re.compile(rf"({_MARK})\1* *")
_ENUMERATOR = re.compile(
    r"(\()?([0-9]{1,18}|[a-zA-Z]|[ivxlcdm]+|[IVXLCDM]+|#)((?(1)\)|[.)]))(?: |$)",
)
_ITEM = re.compile(
    r"(?:[-+*|\u2022\u2023\u2043]|\.\.|__)(?: |$)|:(?![: ])(?:[^:\\]|\\.|:(?!(?:[ `]|$)))*(?<! ):(?: |$)"
)
"""A line that begins what its indented lines belong to: items, fields, line blocks, directives, targets."""
_ARGUMENT = r"(?:[a-zA-Z][a-zA-Z0-9_-]*|<[^<>]+>)"
_OPTION = rf"(?:[-+][a-zA-Z0-9](?: ?{_ARGUMENT})?|(?:--|/)[a-zA-Z0-9][a-zA-Z0-9_-]*(?:[ =]{_ARGUMENT})?)"
_OPTIONS = re.compile(rf"{_OPTION}(?:, {_OPTION})*(?:  | ?$)")
_DOCTEST = re.compile(r">>>(?: |$)")
_GRID_TABLE = re.compile(r"\+-[-+]+-\+$")
_SIMPLE_TABLE = re.compile(r"=+(?: +=+)+$")
_SIMPLE_BORDER = re.compile(r"=+[ =]*$")
_LITERAL = re.compile(r"(?<!\\)(?:\\\\)*::$")
_SHORT = 4
"""A row of fewer marks is only one if it is as long as the title."""


def titles(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each title begins, with its row above if it has one, its level from 1 and its words."""
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    styles: list[str] = []
    depth = 0
    for at, style, title in _Reader([line.expandtabs(8).rstrip() for line in lines]).titles():
        level = styles.index(style) + 1 if style in styles else len(styles) + 1
        if level > depth + 1:  # an error in docutils, and no section
            continue
        if level > len(styles):
            styles.append(style)
        depth = level
        yield starts[at], level, title


def heading_at(text: str, start: int) -> str:
    """The title that begins there as it is written, its rows with it."""
    end = text.find("\n", start)
    rows = 2 if _ROW.fullmatch(text[start:end].expandtabs(8).rstrip()) else 1
    for _ in range(rows):
        end = text.find("\n", end + 1) if end >= 0 else end
    return text[start : end if end >= 0 else len(text)]


class _Reader:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def titles(self) -> Iterator[tuple[int, str, str]]:
        """The first line of each title, the marks that set it off, and its words, whatever the order of the marks."""
        lines, at = self._lines, 0
        while at < len(lines):
            line = lines[at]
            if not line or line[0] == " " or _ITEM.match(line) or self._is_enumerated(at) or self._is_option(at):
                at += 1
            elif _DOCTEST.match(line):
                at = self._after_block(at)
            elif _GRID_TABLE.match(line):
                at = self._after_lines_with("+|", at)
            elif _SIMPLE_TABLE.match(line):
                at = self._after_simple_table(at)
            elif _ROW.fullmatch(line) and (rest := self._after_row(at)) is not None:
                if self._is_around(at):
                    yield at, line[0] * 2, lines[at + 1].strip()
                at = rest
            elif self._is_underlined(at):
                yield at, lines[at + 1][0], line
                at += 2
            else:
                at = self._after_paragraph(at)

    def _line(self, at: int) -> str:
        return self._lines[at] if at < len(self._lines) else ""

    def _is_around(self, at: int) -> bool:
        """Whether the row and the one two lines below set off a title."""
        title = self._line(at + 1)
        return bool(title) and not _ROW.fullmatch(title) and self._line(at + 2) == self._lines[at]

    def _after_row(self, at: int) -> int | None:
        """Where it goes on after a row of marks with nothing above it; None if it is text like any other."""
        row, title = self._lines[at], self._line(at + 1)
        short = len(row) < _SHORT
        if not title:
            return None if short else at + 1
        if _ROW.fullmatch(title):
            return None if short else at + 2
        if short and (self._line(at + 2) != row or _width(title) > len(row)):
            return None
        return at + 3

    def _is_underlined(self, at: int) -> bool:
        row = self._line(at + 1)
        return bool(_ROW.fullmatch(row)) and (len(row) >= _SHORT or _width(self._lines[at]) <= len(row))

    def _is_enumerated(self, at: int) -> bool:
        """Whether it is an item of a list: nothing follows at the left edge, or the next item does."""
        if (found := _ENUMERATOR.match(self._lines[at])) is None:
            return False
        following = self._line(at + 1)
        if not following or following[0] == " ":
            return True
        before, value, after = found.groups("")
        if value.isdigit():
            then = str(int(value) + 1)
        elif value == "#":
            then = "#"
        elif len(value) == 1:
            then = value * 2 if value in "iI" else chr(ord(value) + 1)
        else:  # a Roman number; which one comes next does not matter
            return bool(_ENUMERATOR.match(following))
        return following.startswith((f"{before}{then}{after} ", f"{before}#{after} "))

    def _is_option(self, at: int) -> bool:
        """Whether options are described: in their own line, or in an indented one."""
        line = self._lines[at]
        if (found := _OPTIONS.match(line)) is None:
            return False
        return found.end() < len(line) or self._line(self._after_blank(at + 1)).startswith(" ")

    def _after_blank(self, at: int) -> int:
        while at < len(self._lines) and not self._lines[at]:
            at += 1
        return at

    def _after_block(self, at: int) -> int:
        while self._line(at):
            at += 1
        return at

    def _after_lines_with(self, marks: str, at: int) -> int:
        while (line := self._line(at)) and line[0] in marks:
            at += 1
        return at

    def _after_paragraph(self, at: int) -> int:
        """After its lines, and after the block that two colons announce if it is not indented but quoted."""
        end = at + 1
        while (line := self._line(end)) and line[0] != " ":
            end += 1
        if line or not _LITERAL.search(self._lines[end - 1]):
            return end
        quoted = self._after_blank(end)
        first = self._line(quoted)[:1]
        return self._after_lines_with(first, quoted) if re.match(_MARK, first) else end

    def _after_simple_table(self, at: int) -> int:
        """After its second border, or one that nothing follows; there may be empty lines between rows."""
        width, last = len(self._lines[at]), 0
        for place in range(at + 1, len(self._lines)):
            if _SIMPLE_BORDER.match(self._lines[place]):
                if last or len(self._lines[place]) != width or not self._line(place + 1):
                    return place + 1
                last = place
        return last + 1 if last else len(self._lines)


def _width(text: str) -> int:
    """The columns that a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
