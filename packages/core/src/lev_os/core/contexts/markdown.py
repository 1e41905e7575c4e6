"""Where code and links stand in a Markdown body, by `pyromark`'s events (CommonMark with GitHub's extensions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

_DEFINITION = re.compile(rb"^[ \t>]*\[(?!\^)(?:[^\]\\\n]|\\.)+\]:[ \t]*(?:<([^<>\n]+)>|([^\s<]\S*))", re.MULTILINE)
"""`[name]: target`, which links name; the parser tells where links stand, and not where such a line does."""
_TARGET = re.compile(rb"\]\(\s*<?")

Span = tuple[int, int]
"""Start and end, in UTF-8 bytes."""


@dataclass(frozen=True, slots=True)
class Link:
    """`label` is the link's text; `code` says that it is one code span and nothing else."""

    target: str
    label: str
    code: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Layout:
    code: tuple[Span, ...]
    """Code spans and blocks, fences included, in order."""
    links: tuple[Link, ...]


@cache
def _parser() -> Any:
    from pyromark import Markdown, Options

    return Markdown(options=Options.ENABLE_TABLES | Options.ENABLE_GFM | Options.ENABLE_STRIKETHROUGH)


def read_layout(body: str) -> Layout:
    """Find code and links; any text is valid Markdown, so this never fails."""
    code: list[Span] = []
    links: list[Link] = []
    open_links: list[tuple[str, Span, list[tuple[str, bool]]]] = []
    for name, detail, span in _events(body):
        if name == "Code" or (name == "Start" and isinstance(detail, dict) and "CodeBlock" in detail):
            code.append(span)
        if name == "Start" and isinstance(detail, dict) and "Link" in detail:
            open_links.append((detail["Link"]["dest_url"], span, []))
        elif name in ("Text", "Code") and open_links:
            open_links[-1][2].append((detail, name == "Code"))
        elif name == "End" and detail == "Link":
            target, where, texts = open_links.pop()
            only_code = len(texts) == 1 and texts[0][1]
            links.append(Link(target, "".join(text for text, _ in texts), only_code, where))
    return Layout(tuple(sorted(code)), tuple(links))


def relink(body: str, new: Callable[[str], str | None]) -> str:
    """The body with other targets in its links and in definitions (`[name]: target`), where `new` has one for them."""
    if "](" not in body and "]:" not in body:
        return body
    data = body.encode()
    layout = read_layout(body)
    places = []
    for link in layout.links:
        found = _TARGET.match(data, max(data.rfind(b"](", *link.span), link.span[0]))
        if found and data.startswith(target := link.target.encode(), found.end()):
            places.append((found.end(), found.end() + len(target)))
    for found in _DEFINITION.finditer(data) if "]:" in body else ():
        place = found.span(1 if found[1] else 2)
        if not any(start <= place[0] < stop for start, stop in layout.code):
            places.append(place)
    pieces: list[bytes] = []
    end = 0
    for start, stop in sorted(places):
        told = new(data[start:stop].decode())
        if told is not None and start >= end:
            pieces += [data[end:start], told.encode()]
            end = stop
    return b"".join([*pieces, data[end:]]).decode()


def _events(body: str) -> Iterator[tuple[str, Any, Span]]:
    for event, where in _parser().events_with_range(body):
        name, detail = (event, None) if isinstance(event, str) else next(iter(event.items()))
        yield name, detail, (where["start"], where["end"])
