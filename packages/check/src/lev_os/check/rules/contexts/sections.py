"""Parts of a page that are not written yet."""

from __future__ import annotations

from collections.abc import Iterator

from ...files import MARKDOWN_KINDS, File
from ...patterns import Pattern
from ...rule import Example, Finding, rule
from .._head import skill
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


_LEFT = Pattern(
    r"(?m)^[ \t]*(?:[-*+][ \t]+|\d+\.[ \t]+|>[ \t]*|#+[ \t]+)?(?:\*\*|__|\[|\()?"
    r"(?:TODO|FIXME|TBD|XXX)\b(?:\*\*|__)?(?=[ \t]*(?:[:\])]|$))"
    r"|\b[Ll]orem ipsum dolor\b|\[(?:TODO|TBD|FIXME)\b|Replace with description of the skill"
    r"|\[(?:[Ii]nsert|INSERT|[Yy]our|YOUR) [A-Za-z ]{3,40}(?: here| HERE)\]"
)
_SHOWN = 200
"""Characters of a line from which up to sixty are shown."""
_MAY_BE_LEFT = r"TODO|FIXME|TBD|XXX|orem ipsum dolor|Replace with description|\[(?:[Ii]nsert|INSERT|[Yy]our|YOUR) "


@rule(
    "CTX604",
    "placeholder",
    summary="A placeholder was left in the text.",
    on="file",
    kinds=_READ,
    hint=_MAY_BE_LEFT,
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
    for found in _LEFT.finditer(text):
        start = found.start() + len(found[0]) - len(found[0].lstrip(" \t"))
        last = found.end() - 1
        if file.markdown.code_at(last) is None and not file.markdown.in_html(last):
            line = text[start : start + _SHOWN].partition("\n")[0]
            yield Finding((start, found.end()), f"a placeholder was left: {line.strip()[:60]!r}")
