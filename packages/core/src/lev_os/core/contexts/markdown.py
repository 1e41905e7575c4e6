"""Where code and links stand in a Markdown body, by `pyromark`'s events (CommonMark with GitHub's extensions)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

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


def _events(body: str) -> Iterator[tuple[str, Any, Span]]:
    for event, where in _parser().events_with_range(body):
        name, detail = (event, None) if isinstance(event, str) else next(iter(event.items()))
        yield name, detail, (where["start"], where["end"])
