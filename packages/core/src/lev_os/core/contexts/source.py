"""Reading a context's characters: encoding, size, and what a reader of the file would not see.

A model reads every character of a context, a reviewer only those that are drawn. Characters that hide text or
reorder it are therefore refused, except where writing needs them: joiners inside emoji and between letters of
scripts that join, one variation selector after a character, and flags made of tags.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

from ..errors import InvalidInput, Location, Problem

MAX_BYTES = 1024 * 1024
"""Size limit of one context: some 250,000 tokens, more than a model should be given at once."""
_MAX_REPORTED = 20

_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n"
"""Bytes of UTF-8 that are characters and hide nothing: nearly all there are."""
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f")
_DIRECTION_MARKS = "\u061c\u200e\u200f"
_JOINERS = "\u200c\u200d"


def read(text: str | bytes, *, path: str | None = None) -> str:
    """The characters of a context, with `\\n` line ends and no byte order mark.

    Raises `InvalidInput` for text that is too large, is not UTF-8, or holds NUL or hidden characters.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            [
                Problem(
                    "CTX001",
                    f"the context has {len(data):,} bytes; the limit is {MAX_BYTES:,}",
                    Location(path, 1, 1),
                    help="split it into contexts that link to each other",
                )
            ]
        )
    characters = _decode(text, path) if isinstance(text, bytes) else text
    characters = characters.removeprefix("\ufeff")
    if b"\r" in data:
        characters, data = characters.replace("\r\n", "\n"), data.replace(b"\r\n", b"\n")
    # To take away what is plain and search the rest is several times as fast as to search all of it.
    rest = data.translate(None, _PLAIN)
    if rest and _SUSPECT.search(rest.decode("utf-8", "surrogatepass")) and (problems := _hidden(characters, path)):
        raise InvalidInput(problems)
    return characters


def _decode(data: bytes, path: str | None) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        help_ = "save the file as UTF-8"
        raise InvalidInput([Problem("CTX002", message, Location(path, line, column), help=help_)]) from None


def _hidden(text: str, path: str | None) -> list[Problem]:
    lines = Lines(text, path)
    flags = [match.span() for match in _FLAG.finditer(text)]
    problems: list[Problem] = []
    for match in _SUSPECT.finditer(text):
        place = match.start()
        if _belongs(text, place) or any(start < place < end for start, end in flags):
            continue
        character = match.group()
        name = unicodedata.name(character, "a control character")
        problems.append(
            Problem(
                "CTX003",
                f"hidden character U+{ord(character):04X} ({name.lower()})",
                lines.at(place),
                help="delete it: a model reads what a reviewer cannot see",
            )
        )
        if len(problems) == _MAX_REPORTED:
            break
    return problems


def _belongs(text: str, place: int) -> bool:
    """Whether the character at `place` is needed there by the writing around it."""
    character = text[place]
    before = text[place - 1] if place else ""
    after = text[place + 1 : place + 2]
    if "\ufe00" <= character <= "\ufe0f":
        return bool(before) and not before.isspace() and not _SUSPECT.match(before)
    if character in _JOINERS:
        return _joins(before) and (_joins(after) or (character == "\u200c" and not after.isascii()))
    if character in _DIRECTION_MARKS:
        return any(unicodedata.bidirectional(near) in ("R", "AL") for near in (before, after) if near)
    return False


def _joins(character: str) -> bool:
    """Letters of scripts that join, and pictures (with their selector or skin tone)."""
    if not character or character.isascii():
        return False
    if character == "\ufe0f":
        return True
    category = unicodedata.category(character)
    return category in ("So", "Sk") or (category in ("Lo", "Mn", "Mc") and unicodedata.bidirectional(character) != "")


class Lines:
    """Turns offsets into places. Offsets count characters, or UTF-8 bytes when made from bytes."""

    def __init__(self, text: str | bytes, path: str | None, *, first_line: int = 1) -> None:
        self._text = text
        self._path = path
        self._first = first_line
        newline = re.finditer(b"\n", text) if isinstance(text, bytes) else re.finditer("\n", text)
        self._starts = [0, *(match.end() for match in newline)]

    def at(self, offset: int) -> Location:
        line = bisect_right(self._starts, offset)
        piece = self._text[self._starts[line - 1] : offset]
        column = len(piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece) + 1
        return Location(self._path, self._first + line - 1, column)
