"""The parts of a Markdown text that rules look at, found in one walk over `pyromark`'s events.

`lev_os.core.contexts` reads only code and links, in bytes, for what runs; here headings, HTML and the text of code
are kept too, in characters, for what is shown to people.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from .rule import Span

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_WIDE = re.compile(r"[^\x00-\x7f]")
_LIKE_KEYS = re.compile(r"\s*(?:#|[\w-]+[ \t]*:|\Z)")


@dataclass(frozen=True, slots=True)
class Head:
    """The frontmatter: its YAML, and how many lines stand before it."""

    text: str
    first_line: int
    span: Span


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Link:
    """`label` is the link's text; `code` says that it is one code span and nothing else."""

    target: str
    label: str
    code: bool
    image: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Code:
    """`language` is the first word after a fence, in lower case; `inside` the span of the code without its fences."""

    form: Literal["span", "fence", "indented"]
    language: str
    text: str
    span: Span
    inside: Span


@dataclass(frozen=True, slots=True)
class Markdown:
    """The parts of one text, each kind in order of place."""

    head: Head | None
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]
    code: tuple[Code, ...]
    html: tuple[Span, ...]
    """Blocks and pieces of HTML, comments among them."""


@cache
def _parser() -> Any:
    from pyromark import Markdown as Parser
    from pyromark import Options

    return Parser(options=Options.ENABLE_TABLES | Options.ENABLE_GFM | Options.ENABLE_STRIKETHROUGH)


def read_markdown(text: str) -> Markdown:
    """Find the parts; any text is valid Markdown, so this never fails."""
    head = _head(text)
    base = head.span[1] if head else 0
    body = text[base:]
    return _walk(body, head, base, _Characters(body, base))


def _head(text: str) -> Head | None:
    if not text.startswith(("---", "\ufeff---")):
        return None
    found = _HEAD.match(text)
    if found is None or not _LIKE_KEYS.match(found[1]):
        return None
    return Head(found[1], 1, (0, found.end()))


class _Characters:
    """Turns pyromark's byte offsets into characters of the whole file."""

    def __init__(self, body: str, base: int) -> None:
        self._base = base
        self._ends: list[int] = []
        """For each character of several bytes, the byte after it."""
        self._extra = [0]
        if not body.isascii():
            extra = 0
            for match in _WIDE.finditer(body):
                extra += len(match[0].encode("utf-8", "replace")) - 1
                self._ends.append(match.end() + extra)
                self._extra.append(extra)

    def span(self, where: dict[str, int]) -> Span:
        start, end = where["start"], where["end"]
        if self._ends:
            start -= self._extra[bisect_right(self._ends, start)]
            end -= self._extra[bisect_right(self._ends, end)]
        return self._base + start, self._base + end


def _walk(body: str, head: Head | None, base: int, characters: _Characters) -> Markdown:
    headings: list[Heading] = []
    links: list[Link] = []
    code: list[Code] = []
    html: list[Span] = []
    texts: list[str] = []
    codes = 0
    opened: list[tuple[str, Any, Span, int, int]] = []
    block: tuple[str, Span, list[str], list[Span]] | None = None
    for event, where in _parser().events_with_range(body.encode("utf-8", "replace").decode()):
        if isinstance(event, str):
            if event in ("SoftBreak", "HardBreak"):
                texts.append(" ")
            continue
        (name, detail) = next(iter(event.items()))
        if name == "Text":
            texts.append(detail)
            if block is not None:
                block[2].append(detail)
                block[3].append(characters.span(where))
        elif name == "Code":
            span = characters.span(where)
            texts.append(detail)
            codes += 1
            inside = body.find(detail, span[0] - base)
            start = base + inside if inside >= 0 and base + inside < span[1] else span[0]
            code.append(Code("span", "", detail, span, (start, min(start + len(detail), span[1]))))
        elif name in ("Html", "InlineHtml"):
            html.append(characters.span(where))
        elif name == "Start" and isinstance(detail, dict):
            kind, more = next(iter(detail.items()))
            if kind == "CodeBlock":
                info = more.get("Fenced", "") if isinstance(more, dict) else ""
                form = "fence" if isinstance(more, dict) else "indented"
                block = (f"{form} {info}", characters.span(where), [], [])
            elif kind in ("Heading", "Link", "Image"):
                opened.append((kind, more, characters.span(where), len(texts), codes))
        elif name == "End":
            kind = detail if isinstance(detail, str) else next(iter(detail))
            if kind == "CodeBlock" and block is not None:
                code.append(_block(block))
                block = None
            elif opened and kind == opened[-1][0]:
                kind, more, span, begin, before = opened.pop()
                label = "".join(texts[begin:])
                if kind == "Heading":
                    headings.append(Heading(_level(more), label, span))
                else:
                    only_code = codes == before + 1 and len(texts) == begin + 1
                    links.append(Link(more["dest_url"], label, only_code, kind == "Image", span))
    return Markdown(head, tuple(headings), tuple(links), tuple(code), tuple(html))


def _block(block: tuple[str, Span, list[str], list[Span]]) -> Code:
    form, _, info = block[0].partition(" ")
    words = info.split()
    inside = (block[3][0][0], block[3][-1][1]) if block[3] else (block[1][1], block[1][1])
    language = words[0].lower() if words else ""
    return Code("fence" if form == "fence" else "indented", language, "".join(block[2]), block[1], inside)


def _level(detail: Any) -> int:
    level = detail["level"] if isinstance(detail, dict) else detail
    return int(str(level)[-1])
