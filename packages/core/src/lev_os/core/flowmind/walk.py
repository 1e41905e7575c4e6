"""Walks over the steps of a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .model import ForEach, If, IfSemantic, Parallel, Step, Switch, SwitchSemantic, Try, Wait, While


def bodies(step: Step) -> Iterator[tuple[Step, ...]]:
    """The lists of steps inside a step, in document order."""
    match step:
        case If(then=then, else_=other):
            yield from (then, other)
        case IfSemantic(then=then, else_=other, uncertain=uncertain):
            yield from (then, other, uncertain)
        case Switch(cases=cases, default=default):
            yield from (*cases.values(), default)
        case SwitchSemantic(cases=cases, uncertain=uncertain):
            yield from (*cases.values(), uncertain)
        case ForEach(do=do) | While(do=do):
            yield do
        case Parallel(branches=branches):
            yield from branches.values()
        case Wait(on_timeout=on_timeout):
            yield on_timeout
        case Try(body=body, catch=catch):
            yield from (body, catch)


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Every step, a step before those inside it."""
    for step in steps:
        yield step
        for body in bodies(step):
            yield from walk(body)
