"""CEL expressions and `${…}` templates: compiled once, evaluated over the names they read and nothing else.

The language is the Common Expression Language (https://cel.dev), without messages, bytes and comments. Its cost
is bounded: no comprehension inside another, and none over more than 10,000 items (2,000 for `map` and
`filter`, whose cost in the engine is quadratic). Values in and out are JSON values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from ..errors import LevError, Location
from ._cel_engine import engine
from ._cel_scan import RESERVED, Mapping_, Scan, ScanError, scan
from .model import Expr, Template

__all__ = [
    "RESERVED",
    "ExpressionError",
    "Program",
    "SharedScope",
    "compile_expression",
    "evaluate",
    "is_identifier",
    "parse_expression",
    "parse_template",
    "render",
]

MAX_VALUE_BYTES = 1 << 20
MAX_ITEMS = 10_000
MAX_GROWING_ITEMS = 2_000
_MAX_UNITS = 4_000_000
"""What `map` and `filter` may make: values and characters, before the engine hands them over."""
_MAX_COPIES = 10_000_000
"""The engine copies the whole result of `map` and `filter` for every item: items times values in the result."""

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_encode = msgspec.json.Encoder(order="sorted").encode


class ExpressionError(LevError):
    """An expression that cannot be read or evaluated. `offset` is where in its source, when that is known."""

    def __init__(self, message: str, *, help: str | None = None, offset: int | None = None) -> None:
        super().__init__(message, help=help)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression. `path` is set for a bare dotted path, which needs no engine."""

    source: str
    names: frozenset[str]
    path: tuple[str, ...] | None
    scan: Scan | None = None
    compiled: Any = None
    at: Location = field(default=Location(), compare=False)


class SharedScope(dict[str, Any]):
    """Names that many expressions read, and that do not change: each is handed to the engine once."""

    def __init__(self, *names: Mapping[str, Any], **more: Any) -> None:
        super().__init__(*names, **more)
        self._context: Any = None
        self._handed: set[str] = set()

    def context(self, names: frozenset[str]) -> Any:
        """The engine's view of at least these names. Only what is read is converted: conversion is what costs."""
        if self._context is None:
            self._context = engine().Context()
        for name in names - self._handed:
            self._context.add_variable(name, self[name])
            self._handed.add(name)
        return self._context


def is_identifier(name: str) -> bool:
    """Whether `name` can name a value in expressions."""
    return _IDENTIFIER.fullmatch(name) is not None and name not in RESERVED


@lru_cache(maxsize=8192)
def compile_expression(source: str) -> Program:
    """Check and compile one expression; raises `ExpressionError` with the offset in `source`."""
    text = source.strip()
    if _PATH.fullmatch(text) and not RESERVED.intersection(parts := text.split(".")):
        return Program(source, frozenset(parts[:1]), tuple(parts))
    try:
        scanned = scan(source)
        # Only the user's own text gives errors with the user's columns.
        engine().compile(source)
        compiled = engine().compile(scanned.source)
    except ScanError as error:
        raise ExpressionError(error.message, help=error.help, offset=error.offset) from None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _syntax_error(error) from None
    return Program(source, scanned.names, None, scanned, compiled)


def parse_expression(source: str, at: Location | None = None) -> Expr:
    """An `Expr` with the names it reads; raises `ExpressionError`."""
    return Expr(source, compile_expression(source).names, at or Location())


def parse_template(text: str, at: Location | Callable[[int], Location] | None = None) -> Template:
    """Split text at `${…}`; raises `ExpressionError` with the offset in `text`. `at` may depend on the offset."""
    parts: list[str | Expr] = []
    position = 0
    for start, end in expressions_in(text):
        if start - 2 > position:
            parts.append(text[position : start - 2])
        place = at(start) if callable(at) else at
        try:
            parts.append(parse_expression(text[start:end], place))
        except ExpressionError as error:
            error.offset = start + (error.offset or 0)
            raise
        position = end + 1
    if position < len(text) or not parts:
        parts.append(text[position:])
    return Template(tuple(parts))


def expressions_in(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands in each `${…}`; raises `ExpressionError` at one that is not closed."""
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = _closing(text, start + 2)
        if end is None:
            raise ExpressionError("`${` is not closed", help="close it with `}`", offset=start)
        yield start + 2, end
        position = end + 1


_INSIDE = re.compile(r"""(?:[rR])?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|[{}]""")


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for match in _INSIDE.finditer(text, start):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            if depth == 0:
                return match.start()
            depth -= 1
    return None


def evaluate(expr: Expr | Program, scope: Mapping[str, Any]) -> Any:
    """The JSON value of an expression; raises `ExpressionError` and nothing else."""
    program = expr if isinstance(expr, Program) else compile_expression(expr.source)
    if program.path is not None:
        return _look_up(program.path, scope, expr)
    for name in program.names:
        if name not in scope:
            raise _error(expr, f"`{name}` has no value here")
    return _execute(program, expr, scope)


def render(value: Any, scope: Mapping[str, Any]) -> Any:
    """A `Value` with its templates replaced by their values; raises `ExpressionError`, also above 1 MiB."""
    if type(value) is str:
        return value
    rendered = _render(value, scope)
    _check_size(rendered, value)
    return rendered


def _render(value: Any, scope: Mapping[str, Any]) -> Any:
    kind = type(value)
    if kind is Template:
        parts = value.parts
        if len(parts) > 1:
            return "".join(part if isinstance(part, str) else _as_text(evaluate(part, scope)) for part in parts)
        return parts[0] if isinstance(parts[0], str) else evaluate(parts[0], scope)
    if kind is dict:
        return {key: _render(item, scope) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_render(item, scope) for item in value]
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def _check_size(rendered: Any, value: Any) -> None:
    try:
        size = len(rendered) if type(rendered) is str else len(_encode(rendered))
    except (TypeError, ValueError, RecursionError):
        raise ExpressionError("the value is not a JSON value, or is nested too deeply") from None
    if size > MAX_VALUE_BYTES:
        where = next((f"{expr.at}: " for expr in _expressions(value) if expr.at.line), "")
        message = f"{where}the value is larger than 1 MiB ({size:,} bytes)"
        raise ExpressionError(message, help="pass a reference, such as a file name or an id, instead of the content")


def _expressions(value: Any) -> Iterable[Expr]:
    if isinstance(value, Template):
        yield from (part for part in value.parts if isinstance(part, Expr))
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _expressions(item)


# --- evaluation ------------------------------------------------------------------------------------------------


def _look_up(path: tuple[str, ...], scope: Mapping[str, Any], expr: Expr | Program) -> Any:
    value: Any = scope
    for index, name in enumerate(path):
        # A scope is a mapping; of what it holds, nearly all are dicts, and asking for those is cheaper.
        if (index == 0 or type(value) is dict or isinstance(value, Mapping)) and name in value:
            value = value[name]
        else:
            raise _error(expr, *_why_missing(path, index, value))
    return value


def _why_missing(path: tuple[str, ...], index: int, value: Any) -> tuple[str, str | None]:
    name, parent = path[index], ".".join(path[:index])
    if index == 0:
        return f"`{name}` has no value here", None
    if value is None:
        return f"`{parent}` is null, so it has no `{name}`", f"test it first: `{parent} != null`"
    if isinstance(value, Mapping):
        known = ", ".join(sorted(map(str, value))[:12])
        fields = f"`{parent}` has {known}; " if known else ""
        return f"`{parent}` has no field `{name}`", f"{fields}test it first: `has({parent}.{name})`"
    return f"`{parent}` is not a map, so it has no `{name}`", None


def _execute(program: Program, expr: Expr | Program, scope: Mapping[str, Any]) -> Any:
    assert program.scan is not None
    failures: list[str] = []
    variables = {name: scope[name] for name in program.names}
    try:
        if program.scan.rewritten:
            functions = _functions(program.scan.maps, variables, failures)
            result = program.compiled.execute(engine().Context(variables, functions))
        elif isinstance(scope, SharedScope):
            result = program.compiled.execute(scope.context(program.names))
        else:
            result = program.compiled.execute(variables)
        if not failures:
            return _json(result)
    except ExpressionError as error:
        raise _error(expr, error.message, error.help) from None
    except RecursionError:
        raise _error(expr, "a value is nested too deeply") from None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if not failures:
            raise _explain(program.scan, expr, variables, error) from None
    raise _error(expr, failures[0], "use `for_each`, or do this in a tool" if "too l" in failures[0] else None)


def _functions(maps: tuple[Mapping_, ...], variables: dict[str, Any], failures: list[str]) -> dict[str, Any]:
    """What the engine calls back. These record a failure and never raise: the engine would print it."""

    def bounded(value: Any, limit: int, what: str) -> Any:
        items = sorted(value, key=str) if isinstance(value, dict) else value
        if not isinstance(items, list):
            failures.append(f"`{what}` needs a list or a map")
            return []
        if len(items) > limit:
            failures.append(f"a list of {len(items):,} items is too long for `{what}` (at most {limit:,})")
            return []
        return items

    def affordable(items: Any, values: int, characters: int, what: str) -> Any:
        if len(items) * values > _MAX_COPIES or values + characters > _MAX_UNITS:
            failures.append(f"`{what}` would make a value that is too large")
            return []
        return items

    def filtered(value: Any) -> Any:
        items = bounded(value, MAX_GROWING_ITEMS, "filter")
        return affordable(items, *_cost(items), "filter")

    def mapped(value: Any, which: int) -> Any:
        items = bounded(value, MAX_GROWING_ITEMS, "map")
        uses, outer = maps[which]
        costs = [(max(1, uses), _cost(items)), *((len(items), _cost(_peek(path, variables))) for path in outer)]
        values, characters = (sum(times * cost[part] for times, cost in costs) for part in (0, 1))
        return affordable(items, values, characters, "map")

    def size(value: Any) -> Any:
        if isinstance(value, str | list | dict | bytes):
            return len(value)
        failures.append("`size` needs text, a list or a map")
        return 0

    return {
        "lev_map": mapped,
        "lev_filter": filtered,
        "lev_each": lambda value: bounded(value, MAX_ITEMS, "all and exists"),
        "lev_size": size,
    }


def _peek(path: tuple[str, ...], variables: dict[str, Any]) -> Any:
    value: Any = variables
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cost(value: Any) -> tuple[int, int]:
    """How many values and characters a value holds, counted no further than the limit."""
    values = characters = 0
    pending = [value]
    while pending and values + characters <= _MAX_UNITS:
        item = pending.pop()
        values += 1
        if isinstance(item, str):
            characters += len(item)
        elif isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            pending.extend(item.values())
    return values, characters


def _json(value: Any) -> Any:
    """The same value if it is JSON; maps come out of the engine in random order and are sorted."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if -(1 << 63) <= value < 1 << 63:
            return value
        raise ExpressionError(f"the integer {value} does not fit in 64 bits")
    if kind is float:
        if value - value == 0:
            return value
        raise ExpressionError("the result is not a finite number", help="test the divisor first")
    if kind is list:
        return [_json(item) for item in value]
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise ExpressionError("a map of the result has keys that are not text", help="use `string(key)`")
        return {key: _json(value[key]) for key in sorted(value)}
    name = {"bytes": "bytes", "datetime": "a timestamp", "timedelta": "a duration"}.get(kind.__name__, kind.__name__)
    raise ExpressionError(f"the result holds {name}, which JSON has not", help="use `string(x)`")


# --- errors ----------------------------------------------------------------------------------------------------

_SYNTAX = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_OPERATION = re.compile(r"Unsupported operation: (.+? (?:\S+) .+?)\. ")
_MIXED = "CEL does not mix whole numbers and doubles: write `2.0` for `2`, or convert with `double(x)` or `int(x)`"


def _error(expr: Expr | Program, message: str, help: str | None = None) -> ExpressionError:
    where = f"{expr.at}: " if expr.at.line is not None else ""
    source = expr.source.strip()
    shown = source if len(source) <= 80 else source[:79] + "…"
    return ExpressionError(f"{where}{message} (in `{shown}`)", help=help)


def _syntax_error(error: BaseException) -> ExpressionError:
    match = _SYNTAX.search(str(error))
    if match is None:
        return ExpressionError(str(error).partition("\n")[0][:200] or "not a CEL expression", offset=0)
    text = match[3].removeprefix("Syntax error: ")
    if "'<EOF>' expecting" in text:
        text = "the expression ends too early"
    text = re.sub(r" expecting .*", "", text)
    text = text.replace("mismatched input", "unexpected").replace("extraneous input", "unexpected")
    offset = int(match[2]) - 1 if match[1] == "1" else 0
    return ExpressionError(f"not a CEL expression: {text[:200]}", offset=offset)


def _explain(scanned: Scan, expr: Expr | Program, variables: dict[str, Any], error: BaseException) -> ExpressionError:
    """Say the engine's error in terms of the expression and its values."""
    text = str(error)
    if isinstance(error, KeyError | TypeError) and "Unsupported operation" not in text:
        for path in scanned.paths:
            value: Any = variables
            for index, name in enumerate(path):
                if not isinstance(value, Mapping) or name not in value:
                    return _error(expr, *_why_missing(path, index, value))
                value = value[name]
    if isinstance(error, KeyError):
        return _error(expr, f"there is no field {text}", "test it first with `has(…)`")
    if isinstance(error, TypeError):
        if operation := _OPERATION.search(text):
            mixed = "int" in operation[1] and ("double" in operation[1] or "float" in operation[1])
            help = _MIXED if mixed else "convert with `string(x)`, `int(x)` or `double(x)`"
            return _error(expr, f"{operation[1]} is not defined", help)
        return _error(expr, "an operation here is not defined for values of these types", _MIXED)
    if match := re.match(r"Undefined variable or function: '(\w+)'", text):
        return _error(expr, f"`{match[1].removeprefix('lev_')}` cannot take a value of this type")
    if isinstance(error, ZeroDivisionError | OverflowError | IndexError):
        return _error(expr, re.sub(r" in CEL expression|\.$", "", text.partition("\n")[0]))
    return _error(expr, text.partition("\n")[0].removesuffix(":")[:300] or "it cannot be evaluated")
