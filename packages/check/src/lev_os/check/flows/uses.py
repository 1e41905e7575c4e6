"""Which expressions stand where in a flow, and which names they read and bind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lev_os.core.flowmind.expressions import ExpressionError, compile_expression
from lev_os.core.flowmind.model import (
    Ask,
    Call,
    Condition,
    Expr,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Set,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Template,
    Value,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import bodies, walk

Path = tuple[str, ...]


def expressions(step: Step) -> Iterator[Expr]:
    """The expressions of a step itself, not of the steps inside it."""
    match step:
        case Ask(instruction=instruction, about=about):
            yield from in_value([instruction, about])
        case Call(with_=given) | SubFlow(with_=given):
            yield from in_value(given)
        case If(test=test):
            yield test
        case Switch(value=value):
            yield value
        case IfSemantic(condition=condition) | SwitchSemantic(condition=condition):
            yield from _judged(condition)
        case While(test=test, condition=condition):
            if test is not None:
                yield test
            if condition is not None:
                yield from _judged(condition)
        case ForEach(items=items, where=where, collect=collect):
            yield items
            if where is not None:
                yield where
            yield from in_value(collect)
        case Wait(about=about):
            yield from in_value(about)
        case Set(values=values):
            yield from in_value(values)
        case Return(value=value):
            yield from in_value(value)


def _judged(condition: Condition) -> Iterator[Expr]:
    yield from in_value([condition.statement, condition.about])


def in_value(value: Value) -> Iterator[Expr]:
    """The expressions in a value."""
    if isinstance(value, Template):
        yield from (part for part in value.parts if isinstance(part, Expr))
    elif isinstance(value, dict):
        for item in value.values():
            yield from in_value(item)
    elif isinstance(value, list):
        for item in value:
            yield from in_value(item)


def paths(expr: Expr) -> tuple[Path, ...]:
    """The dotted paths that an expression reads from names outside it."""
    try:
        program = compile_expression(expr.source)
    except ExpressionError:
        return ()
    return (program.path,) if program.path else program.scan.paths if program.scan else ()


def binds(step: Step) -> Iterator[str]:
    """The names that a step itself gives a value."""
    if isinstance(step, Set):
        yield from step.values
    elif step.id is not None and not isinstance(step, If | Switch | Return):
        yield step.id


def bound_in(steps: Sequence[Step]) -> Iterator[str]:
    """The names that steps may give a value in their own scope; those of inner scopes are not seen outside."""
    for step in steps:
        yield from binds(step)
        if not isinstance(step, ForEach | Parallel):
            for body in bodies(step):
                yield from bound_in(body)


def defined(steps: Sequence[Step]) -> Iterable[str]:
    """Every name that some step of a flow binds, in whatever scope."""
    return dict.fromkeys(name for step in walk(steps) for name in binds(step))
