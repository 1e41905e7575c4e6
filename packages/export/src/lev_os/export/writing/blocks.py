"""Blocks between markers, in files that otherwise belong to people: nothing outside the markers changes by a byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lev_os.core.errors import InvalidInput, Location, Problem

__all__ = ["BEGIN", "END", "Split", "split", "with_block", "without_block"]

BEGIN = "<!-- lev export: begin, written by `lev export`; what you change in here is replaced -->"
END = "<!-- lev export: end -->"

_MARKER = re.compile(rb"^[ \t]*<!-- lev export: (begin|end)\b[^\r\n]*-->[ \t]*(?=\r?$)", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"
_HELP = "delete the markers that are too many, with what stands between them"


@dataclass(frozen=True, slots=True)
class Split:
    """A file around its block. `block` is the text between the markers with `\\n` line ends; None without one."""

    before: bytes
    block: str | None
    after: bytes


def split(data: bytes, path: str) -> Split:
    """Find the block; raises `InvalidInput` for markers that are broken or there twice, and for what is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem("EXP101", "this is not UTF-8", Location(path, line, 1), "save the file as UTF-8")
        raise InvalidInput([problem]) from None
    markers = list(_MARKER.finditer(data))
    if not markers:
        return Split(data, None, b"")
    if [marker[1] for marker in markers] != [b"begin", b"end"]:
        lines = [data.count(b"\n", 0, marker.start()) + 1 for marker in markers]
        kinds = ", ".join(f"{marker[1].decode()} in line {line}" for marker, line in zip(markers, lines, strict=True))
        message = f"the markers of `lev export` are not one begin and one end after it, but {kinds}"
        raise InvalidInput([Problem("EXP102", message, Location(path, lines[0], 1), _HELP)])
    begin, end = markers
    inside = data[begin.end() : end.start()].replace(b"\r\n", b"\n").decode()
    return Split(data[: begin.start()], inside.strip("\n"), data[end.end() :])


def with_block(data: bytes | None, text: str, path: str) -> tuple[bytes, str]:
    """The file with `text` as its block, and what was put between it and the text before, to be taken out again."""
    if data is None or data in (b"", _BOM):
        return (data or b"") + f"{BEGIN}\n{text}\n{END}\n".encode(), ""
    parts = split(data, path)
    line_end = "\r\n" if b"\r\n" in data else "\n"
    block = f"{BEGIN}\n{text}\n{END}".replace("\n", line_end).encode()
    if parts.block is not None:
        return parts.before + block + parts.after, ""
    glue = line_end if data.endswith(b"\n") else line_end * 2
    return data + (glue.encode() + block + line_end.encode()), glue


def without_block(data: bytes, glue: str, path: str) -> bytes:
    """The file without its block and what `with_block` had put around it."""
    parts = split(data, path)
    if parts.block is None:
        return data
    before = parts.before.removesuffix(glue.encode())
    after = parts.after.removeprefix(b"\r").removeprefix(b"\n")
    return before + after
