"""`${…}` in contexts that declare `lev-params`: CEL over those names, outside code, evaluated and put in as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import canonical
from ..errors import InvalidInput, LevError, Problem
from ..flowmind.model import Expr
from .markdown import Span, read_layout
from .source import Lines


@dataclass(frozen=True, slots=True)
class Hole:
    """One `${…}`: the expression, and its span with the braces, in UTF-8 bytes."""

    expr: Expr
    span: Span


def check(body: str, params: tuple[str, ...], lines: Lines) -> None:
    """Refuse expressions that cannot work, with every problem: `InvalidInput`."""
    problems = list(_problems(body, params, lines))
    if problems:
        raise InvalidInput(problems)


def render(text: str, params: tuple[str, ...], scope: Mapping[str, Any], specifier: str) -> str:
    """`text` with its holes filled from `scope`; names that are not parameters are not passed on."""
    missing = [name for name in params if name not in scope]
    if missing:
        raise LevError(f"{specifier} needs a value for `{'`, `'.join(missing)}`", help="its `lev-params` declare them")
    from ..flowmind.expressions import evaluate

    given = {name: scope[name] for name in params}
    data = text.encode()
    pieces: list[bytes] = []
    end = 0
    for start, stop in _spans(data, _code(text)):
        expr = _compile(data[start + 2 : stop - 1].decode())
        value = evaluate(expr, given)
        pieces += [data[end:start], value.encode() if isinstance(value, str) else canonical.encode(value)]
        end = stop
    return b"".join([*pieces, data[end:]]).decode()


def _problems(body: str, params: tuple[str, ...], lines: Lines) -> Iterator[Problem]:
    data = body.encode()
    for start, stop in _spans(data, _code(body)):
        at = lines.at(start)
        if stop < 0:
            yield Problem("CTX201", "`${` is never closed", at, help="close it with }, or put it in a code span")
            return
        source = data[start + 2 : stop - 1].decode()
        try:
            expr = _compile(source)
        except LevError as error:
            yield Problem("CTX202", error.message, at, help=error.help)
            continue
        for name in sorted(expr.names - set(params)):
            yield Problem("CTX203", f"`{name}` is not one of `lev-params`", at, help=f"declared: {', '.join(params)}")


def _compile(source: str) -> Expr:
    from ..flowmind.expressions import compile_expression

    return compile_expression(source)


def _code(text: str) -> tuple[Span, ...]:
    return read_layout(text).code


def _spans(data: bytes, code: tuple[Span, ...]) -> Iterator[Span]:
    """Every `${…}` outside code; the end is -1 when there is none."""
    place = data.find(b"${")
    while place >= 0:
        inside = next((stop for start, stop in code if start <= place < stop), None)
        if inside is not None:
            place = data.find(b"${", inside)
            continue
        stop = _end(data, place + 2)
        yield place, stop
        if stop < 0:
            return
        place = data.find(b"${", stop)


def _end(data: bytes, place: int) -> int:
    """Past the brace that closes an expression, over nested braces and CEL strings; -1 when nothing closes it."""
    depth = 1
    while place < len(data):
        byte = data[place : place + 1]
        if byte in (b'"', b"'"):
            place = _end_of_string(data, place)
            continue
        depth += (byte == b"{") - (byte == b"}")
        place += 1
        if depth == 0:
            return place
    return -1


def _end_of_string(data: bytes, place: int) -> int:
    quote = data[place : place + 3] if data[place : place + 3] in (b'"""', b"'''") else data[place : place + 1]
    at = place + len(quote)
    while at < len(data) and not data.startswith(quote, at):
        at += 2 if data[at : at + 1] == b"\\" else 1
    return at + len(quote)
