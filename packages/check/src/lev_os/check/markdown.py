"""The parts of a Markdown text that rules look at, found in one walk over `pyromark`'s events.

`lev_os.core.contexts` reads only code and links, in bytes, for what runs; here headings, HTML and the text of code
are kept too, in characters, for what is shown to people.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Literal

import msgspec

from .rule import Span

_OPENING = re.compile(r"\ufeff?---[ \t]*\r?\n")
_CLOSING = re.compile(r"\n(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
_NAMED = frozenset({"Heading", "Link", "Image"})
_DEEP = 8
"""Images within images, from which no text is kept: all of it stands in the outer ones too."""
_LIKE_KEYS = re.compile(r"\s*(?:#|[\w-]+[ \t]*:|\Z)")


class Head(msgspec.Struct, frozen=True, gc=False):
    """The frontmatter: its YAML, and how many lines stand before it."""

    text: str
    first_line: int
    span: Span


class Heading(msgspec.Struct, frozen=True, gc=False):
    level: int
    text: str
    span: Span


class Link(msgspec.Struct, frozen=True, gc=False):
    """`label` is the link's text; `code` says that it is one code span and nothing else."""

    target: str
    label: str
    code: bool
    image: bool
    span: Span


class Code(msgspec.Struct, frozen=True, gc=False):
    """`language` is the first word after a fence, in lower case; `inside` the span of the code without its fences."""

    form: Literal["span", "fence", "indented"]
    language: str
    text: str
    span: Span
    inside: Span


class Markdown(msgspec.Struct, frozen=True):
    """The parts of one text, each kind in order of place."""

    head: Head | None
    headings: tuple[Heading, ...]
    links: tuple[Link, ...]
    code: tuple[Code, ...]
    html: tuple[Span, ...]
    """Blocks and pieces of HTML, comments among them."""

    def code_at(self, offset: int) -> Code | None:
        """The code that a character of the file stands in, fences and backquotes included."""
        index = bisect_right(self.code, offset, key=_first) - 1
        return self.code[index] if index >= 0 and offset < self.code[index].span[1] else None

    def in_html(self, offset: int) -> bool:
        """Whether a character of the file stands in HTML."""
        return within(self.html, offset)


def within(spans: Sequence[Span], offset: int) -> bool:
    """Whether one of `spans`, which are in order and do not overlap, holds a character."""
    index = bisect_right(spans, offset, key=_start) - 1
    return index >= 0 and offset < spans[index][1]


def _start(span: Span) -> int:
    return span[0]


def _first(code: Code) -> int:
    return code.span[0]


@cache
def _parser() -> Any:
    from pyromark import Markdown as Parser
    from pyromark import Options

    return Parser(options=Options.ENABLE_TABLES | Options.ENABLE_GFM | Options.ENABLE_STRIKETHROUGH)


def read_markdown(text: str) -> Markdown:
    """Find the parts; any text is valid Markdown, so this never fails."""
    head = head_of(text)
    base = head.span[1] if head else 0
    body = text[base:]
    return _walk(body, head, base)


def head_of(text: str) -> Head | None:
    """The frontmatter of a text, if it begins with one."""
    if not text.startswith(("---", "\ufeff---")):
        return None
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end() - 1) if opening else None
    if opening is None or closing is None:
        return None
    inside = text[opening.end() : closing.start() + 1]
    return Head(inside, 1, (0, closing.end())) if _LIKE_KEYS.match(inside) else None


_CONTINUED = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""
_STRETCH = 512


class _Characters:
    """Turns pyromark's byte offsets into characters of the whole file."""

    def __init__(self, body: str, base: int) -> None:
        self._base = base
        self._data = b"" if body.isascii() else body.encode("utf-8", "replace")
        stretches = (self._count(at, at + _STRETCH) for at in range(0, len(self._data), _STRETCH))
        self._before = list(accumulate(stretches, initial=base))

    def span(self, where: dict[str, int]) -> Span:
        if not self._data:
            return self._base + where["start"], self._base + where["end"]
        return self._character(where["start"]), self._character(where["end"])

    def _character(self, byte: int) -> int:
        whole = byte // _STRETCH
        return self._before[whole] + self._count(whole * _STRETCH, byte)

    def _count(self, start: int, end: int) -> int:
        return len(self._data[start:end].translate(None, _CONTINUED))


def _events(body: str) -> Iterator[tuple[Any, dict[str, int]]]:
    try:
        return iter(_parser().events_with_range(body))
    except UnicodeEncodeError:  # half of a surrogate pair
        return iter(_parser().events_with_range(body.encode("utf-8", "replace").decode()))


def _walk(body: str, head: Head | None, base: int) -> Markdown:
    """One pass over some 30 events for each KB, most of which only begin and end what nobody asks for."""
    parts = _Parts(body, base)
    opened, texts, lines, add_code, span_of = parts.opened, parts.texts, parts.lines, parts.code.append, parts.span_of
    in_block = False
    for event, where in _events(body):  # a dict of one key, or, for a break or a rule, a text with none of these names
        if "Text" in event:
            if in_block:
                lines.append((event["Text"], where))
            elif opened:
                texts.append(event["Text"])
        elif "Start" in event:
            detail = event["Start"]
            if detail.__class__ is not str:
                in_block = parts.start(detail, where) or in_block
        elif "End" in event:
            if in_block:
                add_code(parts.end_block())
                in_block = False
            elif opened:
                parts.end(event["End"])
        elif "Code" in event:
            text = event["Code"]
            span = start, end = span_of(where)
            if opened:
                parts.name(text)
            inside = body.find(text, start - base, end - base)
            inside = inside + base if inside >= 0 else start
            add_code(Code("span", "", text, span, (inside, min(inside + len(text), end))))
        elif "Html" in event or "InlineHtml" in event:
            parts.html.append(span_of(where))
        elif opened and (event == "SoftBreak" or event == "HardBreak"):
            texts.append(" ")
    return Markdown(head, tuple(parts.headings), tuple(parts.links), tuple(parts.code), tuple(parts.html))


class _Parts:
    """What has been found so far, and what is still open: headings, links and images, or one block of code."""

    def __init__(self, body: str, base: int) -> None:
        self.span_of = _Characters(body, base).span
        self.headings: list[Heading] = []
        self.links: list[Link] = []
        self.code: list[Code] = []
        self.html: list[Span] = []
        self.opened: list[tuple[str, Any, Span, int, int]] = []
        self.texts: list[str] = []
        self.lines: list[tuple[str, dict[str, int]]] = []
        self._block: tuple[str | None, Span] = None, (0, 0)
        self._codes = 0

    def start(self, detail: dict[str, Any], where: dict[str, int]) -> bool:
        """Whether a block of code begins."""
        ((kind, more),) = detail.items()
        if kind in _NAMED:
            self.opened.append((kind, more, self.span_of(where), len(self.texts), self._codes))
        elif kind == "CodeBlock":
            self._block = more.get("Fenced", "") if more.__class__ is dict else None, self.span_of(where)
            return True
        return False

    def name(self, code: str) -> None:
        """A code span within what is open."""
        self.texts.append(code)
        self._codes += 1

    def end(self, detail: Any) -> None:
        kind = detail if detail.__class__ is str else next(iter(detail))
        if kind != self.opened[-1][0]:
            return
        _, more, span, begin, before = self.opened.pop()
        label = "".join(self.texts[begin:]) if len(self.opened) < _DEEP else ""
        if kind == "Heading":
            self.headings.append(Heading(_level(more), label, span))
        else:
            only_code = self._codes == before + 1 and len(self.texts) == begin + 1
            self.links.append(Link(more["dest_url"], label, only_code, kind == "Image", span))
        if not self.opened:
            self.texts.clear()

    def end_block(self) -> Code:
        """The block of code that was open."""
        info, span = self._block
        inside = (span[1], span[1])
        if self.lines:
            inside = self.span_of({"start": self.lines[0][1]["start"], "end": self.lines[-1][1]["end"]})
        words = (info or "").split(maxsplit=1)
        language = words[0].lower() if words else ""
        text = "".join([line[0] for line in self.lines])
        self.lines.clear()
        return Code("indented" if info is None else "fence", language, text, span, inside)


def _level(detail: Any) -> int:
    level = detail["level"] if isinstance(detail, dict) else detail
    return int(str(level)[-1])
