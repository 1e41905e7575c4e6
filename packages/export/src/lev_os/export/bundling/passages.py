"""A text as passages: each begins with a heading, or where a long section is divided. Markdown, unless told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONG = 8000
"""Characters from which a section is divided between paragraphs."""

_HEADING = re.compile(r"(#{1,6})(?:[ \t]+([^ \t\n]*(?:[ \t]+[^ \t\n]+)*?))?(?:[ \t]+#+)?[ \t]*(?:\n|\Z)")
_SPACE = " \t>"


class Passage(NamedTuple):
    """A piece of a text, from `start` to `end`. `above` are the passages whose headings stand over it, outermost first.

    `title` is its own heading without the marks, empty where there is none: before the first heading, and in the later
    pieces of a divided section.
    """

    start: int
    end: int
    title: str
    level: int
    above: tuple[int, ...]


def passages(text: str, headings: Iterable[tuple[int, int, str]] | None = None) -> tuple[Passage, ...]:
    """Every passage of a text, in order; together they are the whole text. At least one.

    `headings` are those of a text that is no Markdown: where they begin, their level from 1 and their title.
    """
    found: list[Passage] = []
    open_headings: list[tuple[int, int]] = []  # level and passage
    places = [*(_headings(text) if headings is None else headings)]
    starts = places if places and places[0][0] == 0 else [(0, 0, ""), *places]
    for (start, level, title), end in zip(starts, [*(place[0] for place in starts[1:]), len(text)], strict=True):
        while level and open_headings and open_headings[-1][0] >= level:
            open_headings.pop()
        above = tuple(passage for _, passage in open_headings)
        if level:
            open_headings.append((level, len(found)))
        head = len(found)
        for place, (a, b) in enumerate(_divided(text, start, end)):
            if place == 0:
                found.append(Passage(a, b, title, level, above))
            else:
                found.append(Passage(a, b, "", 0, (*above, head) if level else above))
    return tuple(found)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The paragraphs of a text, blank lines at their ends; what stands between fences is in one of them."""
    fences = [*_fences(text)]
    start = 0
    at = text.find("\n\n")
    while at >= 0:
        end = at + 2
        while text.startswith("\n", end):
            end += 1
        if end < len(text) and not any(a < end < b for a, b in fences):
            yield start, end
            start = end
        at = text.find("\n\n", end)
    yield start, len(text)


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Where headings begin (ATX, at the left edge, outside fences), their level and title."""
    if first := _HEADING.match(text):
        yield 0, len(first[1]), first[2] or ""
    at = text.find("\n#")
    if at < 0:
        return
    fences = [*_fences(text)]
    fence = 0
    while at >= 0:
        start = at + 1
        while fence < len(fences) and fences[fence][1] <= start:
            fence += 1
        if not (fence < len(fences) and fences[fence][0] < start):
            found = _HEADING.match(text, start)
            if found:
                yield start, len(found[1]), found[2] or ""
        at = text.find("\n#", start)


def _fences(text: str) -> Iterator[tuple[int, int]]:
    """Where fenced code begins and ends; a fence that nothing closes reaches to the end."""
    marks = _runs(text, "```")
    if "~" in text:  # seldom, and one character is found much faster than three
        marks = sorted(marks + _runs(text, "~~~"))
    opened: tuple[int, str] | None = None
    for start, run in marks:
        if opened is None:
            opened = start, run
        elif _closes(text, start, run, opened[1]):
            yield opened[0], start + len(run)
            opened = None
    if opened is not None:
        yield opened[0], len(text)


def _closes(text: str, start: int, run: str, opening: str) -> bool:
    if run[0] != opening[0] or len(run) < len(opening):
        return False
    end = text.find("\n", start)
    return not text[start : end if end >= 0 else len(text)].strip(_SPACE + run[0])


def _runs(text: str, mark: str) -> list[tuple[int, str]]:
    """The lines that begin with at least three marks, at any depth of a list or quotation."""
    runs = []
    at = text.find(mark)
    while at >= 0:
        end = at
        while text.startswith(mark[0], end):
            end += 1
        line = text.rfind("\n", 0, at) + 1
        if not text[line:at].strip(_SPACE):
            runs.append((line, mark[0] * (end - at)))
        at = text.find(mark, end)
    return runs


def _divided(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A section as it is, or between paragraphs when it is long; no piece begins with white space."""
    if end - start <= LONG:
        yield start, end
        return
    section = text[start:end]
    begun = 0
    for a, _ in paragraphs(section):
        if a - begun > LONG // 2 and not section[a].isspace():
            yield start + begun, start + a
            begun = a
    yield start + begun, end
