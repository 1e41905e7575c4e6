"""Files as rules see them: read once, parsed once, each part when it is first asked for."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from lev_os.core.documents import Document, read_yaml
from lev_os.core.errors import InvalidInput

from .markdown import Markdown, read_markdown
from .reading import decode, read_bytes
from .rule import Span

MARKDOWN_KINDS = frozenset({"skill", "resource", "instructions", "command", "agent", "context"})
"""Markdown that a model reads: skills, their resources, instructions such as AGENTS.md, commands, agents, contexts."""


def _read(text: str, name: str) -> Document | InvalidInput:
    """A document, or what is wrong with it: rules ask again and again, and it is read once."""
    try:
        return read_yaml(text, path=name)
    except InvalidInput as problem:
        return problem


def _or_raise(read: Document | InvalidInput) -> Document:
    if isinstance(read, InvalidInput):
        raise read.with_traceback(None)
    return read


class File:
    """One file. `name` is how it is shown, relative to where the check runs; `text` has line ends as written.

    `where` is its path as text. A file whose findings are remembered is not read before a rule asks for its text.
    """

    def __init__(self, path: str | os.PathLike[str], name: str, kind: str, text: str | None = None) -> None:
        self.where = os.fspath(path)
        self.name = name
        self.kind = kind
        if text is not None:
            self.text = text

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.kind})>"

    @cached_property
    def path(self) -> Path:
        """Its path."""
        return Path(self.where)

    @cached_property
    def folder(self) -> str:
        """The path of the folder that it lies in."""
        return os.path.dirname(self.where)

    @property
    def base(self) -> str:
        """Its name within its folder."""
        return os.path.basename(self.where)

    @cached_property
    def text(self) -> str:
        """All of it; raises `Unreadable` when it has become so since it was found."""
        return decode(read_bytes(self.where)[0])

    @cached_property
    def data(self) -> bytes:
        """The text as UTF-8."""
        return self.text.encode("utf-8", "surrogatepass")

    @cached_property
    def markdown(self) -> Markdown:
        """Headings, links, code and HTML of the text (its frontmatter is no part of them)."""
        return read_markdown(self.text)

    @property
    def yaml(self) -> Document:
        """The text as one YAML document; raises `InvalidInput`."""
        return _or_raise(self._yaml)

    @cached_property
    def _yaml(self) -> Document | InvalidInput:
        return _read(self.text, self.name)

    @property
    def frontmatter(self) -> Document | None:
        """The head of a Markdown file with places in this file; None without one. Raises `InvalidInput`."""
        return None if self.markdown.head is None else _or_raise(self._frontmatter)

    @cached_property
    def _frontmatter(self) -> Document | InvalidInput:
        head = self.markdown.head
        assert head is not None, "asked for where there is one"
        return _read("\n" * head.first_line + head.text, self.name)

    @cached_property
    def head(self) -> tuple[Document, Mapping[str, Any]] | None:
        """The frontmatter and its keys; None without one, or with one that cannot be read, which CTX410 reports."""
        try:
            found = self.frontmatter
        except InvalidInput:
            return None
        if found is None or not (found.data is None or isinstance(found.data, Mapping)):
            return None
        return found, found.data or {}

    @property
    def fields(self) -> Mapping[str, Any]:
        """The frontmatter's keys and values; empty without keys. Raises `InvalidInput` as `frontmatter` does."""
        head = self.frontmatter
        return head.data if head is not None and isinstance(head.data, Mapping) else {}

    @cached_property
    def _starts(self) -> list[int]:
        lengths = map(len, self.text.split("\n"))
        return list(accumulate((length + 1 for length in lengths), initial=0))[:-1]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line_around(self, offset: int) -> Span:
        """The start and end of the line that a character stands on, without its line end."""
        line = bisect_right(self._starts, offset)
        return self._starts[line - 1], self._starts[line] - 1 if line < len(self._starts) else len(self.text)

    def offset(self, line: int, column: int = 1) -> int:
        """The character at a line and column; the nearest one for a place outside the text."""
        start = self._starts[min(max(line, 1), len(self._starts)) - 1]
        return min(start + max(column, 1) - 1, len(self.text))

    def span_at(self, line: int, column: int = 1) -> Span:
        """The word, or the quoted text, that begins at a place: what to underline when only its start is known."""
        start = self.offset(line, column)
        text = self.text
        if start < len(text) and text[start] in "\"'":
            end = text.find(text[start], start + 1) + 1
            if end > start and "\n" not in text[start:end]:
                return start, end
        end = start
        while end < len(text) and not text[end].isspace() and text[end] not in ",]})":
            end += 1
        if end > start + 1 and text[end - 1] == ":":
            end -= 1
        return start, max(end, min(start + 1, len(text)))
