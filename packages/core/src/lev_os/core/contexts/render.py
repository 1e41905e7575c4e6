"""`${…}` in contexts that declare `lev-params`: CEL over those names, outside code, filled in as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..errors import InvalidInput, LevError, Location, Problem
from ..flowmind.model import Expr, Template
from .markdown import Span, read_layout
from .source import Lines


def check(body: str, code: Iterable[Span], params: tuple[str, ...], lines: Lines) -> None:
    """Refuse expressions that cannot work; raises `InvalidInput` with all of them."""
    problems: list[Problem] = []
    for start, text, literal in _segments(body, code):
        if not literal and "${" in text:
            problems.extend(_faults(start, text, lines, params))
    if problems:
        raise InvalidInput(problems)


def render_text(text: str, params: tuple[str, ...], scope: Mapping[str, Any], specifier: str) -> str:
    """`text` with its expressions evaluated; names of `scope` that are not in `params` are not passed on.

    Without `params`, `text` itself. Raises `LevError` when a parameter has no value or an expression fails.
    """
    if not params:
        return text
    missing = [name for name in params if name not in scope]
    if missing:
        raise LevError(f"{specifier} needs a value for `{'`, `'.join(missing)}`", help="its `lev-params` declare them")
    from ..flowmind.expressions import render

    rendered: str = render(_template(text), {name: scope[name] for name in params})
    return rendered


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    from ..flowmind.expressions import parse_template

    # An empty text in front keeps a template that is one expression from becoming that expression's value.
    parts: list[str | Expr] = [""]
    for _, piece, literal in _segments(text, read_layout(text).code):
        parts.extend([piece] if literal else parse_template(piece).parts)
    return Template(tuple(parts))


def _faults(start: int, text: str, lines: Lines, params: tuple[str, ...]) -> Iterator[Problem]:
    """What is wrong with the expressions of one piece of text, each apart from the others."""
    from ..flowmind.expressions import ExpressionError, expressions_in, parse_expression

    def at(offset: int) -> Location:
        return lines.at(start + len(text[:offset].encode()))

    try:
        for begin, end in expressions_in(text):
            try:
                yield from _undeclared(parse_expression(text[begin:end], at(begin)), params)
            except ExpressionError as error:
                yield Problem("CTX201", error.message, at(begin + (error.offset or 0)), help=error.help)
    except ExpressionError as error:  # one that is not closed: what follows is part of it
        yield Problem("CTX201", error.message, at(error.offset or 0), help=error.help)


def _undeclared(expression: Expr, params: tuple[str, ...]) -> Iterator[Problem]:
    for name in sorted(expression.names - set(params)):
        help_ = f'declare it: lev-params: "{" ".join([*params, name])}"'
        yield Problem("CTX202", f"`{name}` is not one of this context's parameters", expression.at, help=help_)


def _segments(body: str, code: Iterable[Span]) -> Iterator[tuple[int, str, bool]]:
    """The body in order: where each piece starts (in bytes), the piece, and whether it is code."""
    data = body.encode()
    end = 0
    for start, stop in code:
        yield end, data[end:start].decode(), False
        yield start, data[start:stop].decode(), True
        end = stop
    yield end, data[end:].decode(), False
