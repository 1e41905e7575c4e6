"""Where the parts of a flow stand in its file, as characters."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from lev_os.core.flowmind.model import Expr, Step

from ..rule import Span

if TYPE_CHECKING:
    from ..project import FlowSubject

_NEAR = 2_000
"""How far a part of an expression is looked for, where YAML has folded or escaped its text."""


def in_expression(subject: FlowSubject, expr: Expr, start: int, end: int) -> Span:
    """The characters `start` to `end` of an expression's source; its beginning if they cannot be told."""
    file = subject.file
    base = file.offset(expr.at.line or 1, expr.at.column or 1)
    text = expr.source[start:end]
    if file.text.startswith(text, base + start):
        return base + start, base + end
    found = file.text.find(text, base, base + len(expr.source) + _NEAR)
    return (found, found + len(text)) if found >= 0 else file.span_at(expr.at.line or 1, expr.at.column or 1)


def of_step(subject: FlowSubject, step: Step) -> Span:
    """The word with which a step begins."""
    return subject.file.span_at(step.at.line or 1, step.at.column or 1)


def in_step(subject: FlowSubject, step: Step, *keys: str | int, key: bool = False) -> Span:
    """The value, or the key, at these keys below a step."""
    document = subject.file.yaml
    data = document.data
    path: list[str | int] = []
    for part in step.path.split("/"):
        name = int(part) if isinstance(data, list) else part.replace("~1", "/").replace("~0", "~")
        data = data[name]
        path.append(name)
    at = document.at((*path, *keys), key=key)
    return subject.file.span_at(at.line or 1, at.column or 1)


def in_header(subject: FlowSubject, *keys: str | int, key: bool = False) -> Span:
    """The value, or the key, at these keys of the flow itself."""
    at = subject.file.yaml.at(keys, key=key)
    return subject.file.span_at(at.line or 1, at.column or 1)


def reported(subject: FlowSubject, expr: Expr) -> bool:
    """Whether reading the flow has reported an undefined name or field in this expression already."""
    line, column = expr.at.line, expr.at.column
    if line is None or column is None:
        return True
    index = bisect_left(subject.undefined, (line, column))
    return index < len(subject.undefined) and subject.undefined[index] <= (line, column + len(expr.source))
