"""Parts of a page that are not written yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...files import MARKDOWN_KINDS, File
from ...rule import Example, Finding, Span, rule
from .._head import skill
from .._text import begins, lowered
from .names import VERIFIED

_READ = MARKDOWN_KINDS - {"resource"}


@rule(
    "CTX603",
    "empty-section",
    summary="A heading has nothing below it.",
    on="file",
    kinds=_READ,
    severity="info",
    why="A model takes a heading for a promise, and fills it in itself.",
    mend="Write the section, or delete the heading.",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "# Build\n\nRun make.\n\n## Release\n\n## Tests\n\nRun them.\n"}, ("AGENTS.md", 5, 1)),
    good=Example({"AGENTS.md": "# Build\n\n## Release\n\nRun make.\n"}),
)
def empty_section(file: File) -> Iterator[Finding]:
    """Headings that the next heading of the same or a higher level, or the end, follows at once."""
    headings = file.markdown.headings
    text = file.text
    for number, heading in enumerate(headings):
        last = number + 1 == len(headings)
        if not last and headings[number + 1].level > heading.level:
            continue
        end = len(text) if last else headings[number + 1].span[0]
        if not text[heading.span[1] : end].strip() and (number or not last):
            yield Finding(heading.span, f"nothing stands below the heading {heading.text[:60]!r}")


_UNWRITTEN = re.compile(
    r"[ \t]*(?:[-*+][ \t]+|\d+\.[ \t]+|>[ \t]*|#+[ \t]+)?(?:\*\*|__|\[|\()?"
    r"(?:TODO|FIXME|TBD|XXX)\b(?:\*\*|__)?(?=[ \t]*(?:[:\])]|$))"
)
"""A line that is a mark of unfinished text, or begins with one."""
_INSERT = re.compile(r"\[(?:insert|your) [a-z ]{3,40} here\]")
_BRACKETED = re.compile(r"\[(?:TODO|TBD|FIXME)\b")
_MARKS = ("TODO", "FIXME", "TBD", "XXX")
_TEXTS = ("lorem ipsum dolor", "replace with description of the skill")


def _left(text: str) -> Iterator[tuple[int, int]]:
    for mark in _MARKS:
        for at in begins(text, (mark,)):
            start = text.rfind("\n", 0, at) + 1
            end = text.find("\n", at)
            line = text[start : end if end >= 0 else len(text)].rstrip("\r")
            if (found := _UNWRITTEN.match(line)) is not None and start + found.end() > at:
                yield start + len(line) - len(line.lstrip()), start + found.end()
            elif _BRACKETED.match(text, at - 1):
                yield at - 1, at + len(mark)
    lower = lowered(text)
    for at in begins(lower, ("[insert ", "[your ")):
        if (whole := _INSERT.match(lower, at)) is not None:
            yield at, whole.end()
    for words in _TEXTS:
        yield from ((at, at + len(words)) for at in begins(lower, (words,)))


@rule(
    "CTX604",
    "placeholder",
    summary="A placeholder was left in the text.",
    on="file",
    kinds=_READ,
    severity="warning",
    confidence="medium",
    why="A model reads `TODO: describe the release` as an order, or as text that means something.",
    mend="Write what is missing, or delete it.",
    verified=VERIFIED,
    bad=(
        Example({"AGENTS.md": "# Release\n\nTODO: describe it.\n"}, ("AGENTS.md", 3, 1)),
        skill("name: pdf\ndescription: Reads PDFs.\n", "[TODO: write this]\n", at=(5, 1)),
    ),
    good=Example(
        {"AGENTS.md": "# TODO comments\n\nLeave no TODO behind. Write `TODO: x` never.\n```py\n# TODO: x\n```\n"}
    ),
)
def placeholder(file: File) -> Iterator[Finding]:
    """Marks of unfinished text, outside code and comments."""
    text = file.text
    hidden: list[Span] | None = None
    said: set[int] = set()
    for start, end in _left(text):
        if hidden is None:
            hidden = [code.span for code in file.markdown.code] + list(file.markdown.html)
        line = text.count("\n", 0, start)
        if line not in said and not any(first <= end - 1 < last for first, last in hidden):
            said.add(line)
            shown = text[start : start + 60].partition("\n")[0]
            yield Finding((start, end), f"a placeholder was left: {shown.strip()!r}")
