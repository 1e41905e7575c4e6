"""`${…}` in contexts that declare `lev-params`: CEL over those names, outside code, filled in as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..errors import InvalidInput, LevError, Problem
from ..flowmind.model import Expr, Template
from .markdown import Span, read_layout
from .source import Lines


def check(body: str, code: Iterable[Span], params: tuple[str, ...], lines: Lines) -> None:
    """Refuse expressions that cannot work; raises `InvalidInput` with all of them."""
    problems: list[Problem] = []
    for start, text, literal in _segments(body, code):
        if not literal and "${" in text:
            template = _read_segment(start, text, lines, problems)
            problems.extend(_undeclared(template, params))
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


def _read_segment(start: int, text: str, lines: Lines, problems: list[Problem]) -> Template:
    from ..flowmind.expressions import ExpressionError, parse_template

    def at(offset: int) -> Any:
        return lines.at(start + len(text[:offset].encode()))

    try:
        return parse_template(text, at)
    except ExpressionError as error:
        problems.append(Problem("CTX201", error.message, at(error.offset or 0), help=error.help))
        return Template(())


def _undeclared(template: Template, params: tuple[str, ...]) -> Iterator[Problem]:
    for part in template.parts:
        if isinstance(part, Expr):
            for name in sorted(part.names - set(params)):
                help_ = f'declare it: lev-params: "{" ".join([*params, name])}"'
                yield Problem("CTX202", f"`{name}` is not one of this context's parameters", part.at, help=help_)


def _segments(body: str, code: Iterable[Span]) -> Iterator[tuple[int, str, bool]]:
    """The body in order: where each piece starts (in bytes), the piece, and whether it is code."""
    data = body.encode()
    end = 0
    for start, stop in code:
        yield end, data[end:start].decode(), False
        yield start, data[start:stop].decode(), True
        end = stop
    yield end, data[end:].decode(), False
