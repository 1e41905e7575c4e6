"""What the outcome of a test says: which bare paths of a CEL expression are then surely true."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?:[rR])?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|&&|\|\||[()\[\]{}?]|[^()\[\]{}?&|"'rR]+|.""", re.DOTALL
)
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_COMPARED = re.compile(r"([A-Za-z_][\w.]*)\s*(==|!=)\s*(true|false)", re.ASCII)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def held(source: str, *, holds: bool) -> Iterator[str]:
    """The paths that are true where the expression is true (`holds`), or where it is false."""
    source = _bare(source)
    parts = _split(source, "||")
    if len(parts) > 1:
        if not holds:
            for part in parts:
                yield from held(part, holds=False)
        return
    parts = _split(source, "&&")
    if len(parts) > 1:
        if holds:
            for part in parts:
                yield from held(part, holds=True)
        return
    if source.startswith("!"):
        inner = source[1:].strip()
        if _PATH.fullmatch(inner) or (inner.startswith("(") and _whole(inner)):
            yield from held(inner, holds=not holds)
        return
    if compared := _COMPARED.fullmatch(source):
        path, relation, value = compared.groups()
        if ((relation == "==") == (value == "true")) == holds:
            yield path
    elif holds and source not in ("true", "false") and _PATH.fullmatch(source):
        yield source


def _bare(source: str) -> str:
    """Without blanks and parentheses around all of it."""
    source = source.strip()
    while source.startswith("(") and _whole(source):
        source = source[1:-1].strip()
    return source


def _whole(source: str) -> bool:
    """Whether the first parenthesis is closed by the last character."""
    depth = 0
    for match in _TOKEN.finditer(source):
        token = match[0]
        depth += (token in _CLOSING) - (token in _CLOSING.values())
        if depth == 0:
            return match.end() == len(source)
    return False


def _split(source: str, operator: str) -> list[str]:
    """The operands of an operator that stands outside all brackets; the source alone if there is a `?` as well."""
    if operator not in source:
        return [source]
    parts, depth, begin = [], 0, 0
    for match in _TOKEN.finditer(source):
        token = match[0]
        if token in _CLOSING:
            depth += 1
        elif token in _CLOSING.values():
            depth -= 1
        elif depth == 0 and token == "?":
            return [source]
        elif depth == 0 and token == operator:
            parts.append(source[begin : match.start()])
            begin = match.end()
    return [*parts, source[begin:]]
