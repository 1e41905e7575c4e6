"""What rules on frontmatter share: the places of its keys and values."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher

from lev_os.core.documents import Document

from ..diagnostics import Edit, Fix
from ..files import File
from ..rule import Example, Span


def value_span(file: File, head: Document, *path: str | int) -> Span:
    """The value at `path`, or its first word when it is written over several lines."""
    at = head.at(path)
    return file.span_at(at.line or 1, at.column or 1)


def line_span(file: File, head: Document, *path: str | int) -> Span:
    """The value at `path` to the end of its line."""
    at = head.at(path)
    start = file.offset(at.line or 1, at.column or 1)
    end = file.text.find("\n", start)
    return start, len(file.text.rstrip()) if end < 0 else max(end, start + 1)


def key_span(file: File, head: Document, *path: str | int) -> Span:
    """The key at `path`."""
    at = head.at(path, key=True)
    return file.span_at(at.line or 1, at.column or 1)


_SAME = 0.88
"""How much alike a misspelt key and the right one are: `descripton` is (0.95), `content` no `context` (0.86)."""
_SHORT = 5
"""Words with fewer letters are one letter apart from too many others: `mode` is a key of Copilot, and no `model`."""


def meant_by(key: str, known: Collection[str]) -> str | None:
    """The known key that an unknown one is a misspelling of, by its case, its hyphens or a letter.

    Heads hold keys of other tools too, so a word with a meaning of its own is none: a plural (`agents`) least of all.
    """
    plain = _plain(key)
    for right in sorted(known):
        other = _plain(right)
        if plain == other:
            return right
        number = "-" not in other and plain.removesuffix("s") == other.removesuffix("s")
        swapped = len(plain) == len(other) and sorted(plain) == sorted(other)
        alike = len(plain) >= _SHORT and SequenceMatcher(None, plain, other).ratio() >= _SAME
        if not number and (swapped or alike):
            return right
    return None


def _plain(key: str) -> str:
    return key.replace("_", "-").lower()


def in_quotes(file: File, span: Span) -> Fix:
    """Quotes around a number or a word as it stands there, so that it is the same text for everybody."""
    return Fix("put it in quotes", (Edit(*span, f'"{file.text[slice(*span)]}"'),))


def skill(head: str, body: str = "Text.\n", *, name: str = "pdf", at: tuple[int, int] | None = None) -> Example:
    """An example of one skill: the lines of its head, its body, and the line and column of the finding."""
    path = f"skills/{name}/SKILL.md"
    return Example({path: f"---\n{head}---\n{body}"}, (path, *at) if at else None)
