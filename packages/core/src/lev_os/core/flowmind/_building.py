"""From drafts of steps to a flow: printed as YAML, read like any other, with problems at the lines of Python."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from ..documents import Path, describe, read_yaml, short
from ..errors import InvalidInput, Location, Problem
from ._emit import to_text
from ._shapes import VERSION
from ._types import schema_of_type
from .build import Body, Case, Exactly, StepDraft
from .model import FlowTree
from .parse import parse_flow
from .printing import duration_text, tree_to_yaml

MAX_DEPTH = 90
_SHAPES = ("input", "output", "returns")
_INT64 = 1 << 63


def build_tree(header: Mapping[str, Any], steps: Any, at: Location) -> FlowTree:
    """The tree of a flow written in Python; raises `InvalidInput` with every problem, each at its line of Python."""
    writer = _Writer(at)
    head = {key: value for key, value in header.items() if value is not None}
    data = {"flowmind": VERSION, **writer.mapping(head, (), at, 0), "steps": writer.steps(steps, ("steps",), at, 0)}
    text = to_text(data)
    try:
        tree = parse_flow(text)
    except InvalidInput as error:
        raise InvalidInput(dict.fromkeys([*writer.problems, *_placed(error, text, writer)])) from None
    if writer.problems:
        raise InvalidInput(writer.problems)
    printed = tree_to_yaml(tree)
    return tree if printed == text else parse_flow(printed)


class _Writer:
    """Turns drafts into the values of a document; remembers which line of Python each step came from."""

    def __init__(self, at: Location) -> None:
        self.problems: list[Problem] = []
        self.places: dict[Path, Location] = {(): at}
        self.refused: set[Path] = set()
        """Where null stands in place of what is no JSON value."""

    def _report(self, at: Location, message: str, help: str) -> None:
        self.problems.append(Problem("FLW113", message, at, help))

    def steps(self, value: Any, path: Path, at: Location, depth: int) -> list[Any]:
        if isinstance(value, StepDraft) or not isinstance(value, list | tuple):
            what = "one step" if isinstance(value, StepDraft) else describe_python(value)
            self._report(at, f"`{path[-1]}` is a list of steps, not {what}", "put the steps in a list: [ask(…), …]")
            return []
        written: list[Any] = []
        for step in value:
            if not isinstance(step, StepDraft):
                message = f"a step of `{path[-1]}` is {describe_python(step)}"
                self._report(at, message, "make it with ask(…), call(…), if_(…) or another function of flowmind.build")
            elif depth > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
                self._report(step.at, message, "move inner steps to a flow of their own")
            else:
                here = (*path, len(written))
                self.places[here] = step.at
                written.append(self.mapping(step.data, here, step.at, depth + 1))
        return written

    def mapping(self, data: Mapping[Any, Any], path: Path, at: Location, depth: int) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, value in data.items():
            if not isinstance(key, str) or not _is_text(key):
                self._report(at, f"a name is text, not {describe_python(key)}", "use a str without surrogates")
            elif key in _SHAPES and not isinstance(value, Mapping) and (not path or path in self.places):
                written |= self._type(key, value, at, given=f"{key}_schema" in data)
            else:
                written[str(key)] = self.value(value, (*path, key), at, depth)
        return written

    def _type(self, key: str, kind: Any, at: Location, *, given: bool) -> dict[str, Any]:
        schema = None if isinstance(kind, str | bytes | int | float | list | tuple) else schema_of_type(kind)
        if schema is None:
            message = f"`{key}` is {describe_python(kind)}, which has no JSON Schema"
            self._report(at, message, "give fields in shorthand, a dataclass, TypedDict, Struct or Pydantic model")
            return {}
        return {key: {}} if given else {f"{key}_schema": schema}

    def value(self, value: Any, path: Path, at: Location, depth: int) -> Any:
        """A JSON value; what is none has been reported, and is null."""
        match value:
            case None | bool():
                return value
            case Exactly(value=meant):
                return self.value(meant, path, at, depth)
            case Body(steps=steps):
                return self.steps(steps, path, at, depth + 1)
            case Case(examples=examples, then=then):
                body = self.steps(then, (*path, "then"), at, depth + 2)
                return {"examples": self.value(examples, path, at, depth + 1), "then": body} if examples else body
            case str() if _is_text(value):
                return str.__str__(value)
            case int() if -_INT64 <= value < _INT64:
                return int(value)
            case float() if math.isfinite(value):
                return float(value)
            case timedelta():
                return duration_text(value.total_seconds())
        if isinstance(value, Mapping | list | tuple) and depth > MAX_DEPTH:
            self.refused.add(path)
            self._report(at, f"nested deeper than {MAX_DEPTH} levels, or holding itself", "keep data in a tool or file")
            return None
        if isinstance(value, Mapping):
            return self.mapping(value, path, at, depth + 1)
        if isinstance(value, list | tuple):
            return [self.value(item, (*path, index), at, depth + 1) for index, item in enumerate(value)]
        self.refused.add(path)
        self._report(at, f"`{path[-1]}` holds {describe_python(value)}, which is no JSON value", _way_out(value))
        return None


def _placed(error: InvalidInput, text: str, writer: _Writer) -> Iterator[Problem]:
    """Problems of the printed text at the Python lines of the steps they are in."""
    try:
        document = read_yaml(text)
    except InvalidInput:  # too large or too deep to have places
        yield from (Problem(p.code, p.message, writer.places[()], p.help) for p in error.problems)
        return
    positions = document.positions
    starts = sorted((positions[path], place) for path, place in writer.places.items())
    refused = {document.at(path) for path in writer.refused}
    lines = text.split("\n")
    for problem in error.problems:
        if problem.at not in refused:
            line = problem.at.line or 1
            indent = len(lines[line - 1]) - len(lines[line - 1].lstrip(" -"))
            place = _innermost((line, problem.at.column or 1), indent + 1, starts)
            yield Problem(problem.code, problem.message, place, problem.help)


def _innermost(at: tuple[int, int], indent: int, starts: list[tuple[tuple[int, int], Location]]) -> Location:
    """Where the step was written that holds a place: the last one that begins before it and not to its right."""
    before = starts[: bisect_right(starts, at, key=lambda start: start[0])]
    return next((place for (_, column), place in reversed(before) if column <= indent), starts[0][1])


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def describe_python(value: Any) -> str:
    """A Python object in an error message."""
    if value is None or isinstance(value, bool | int | float | str | list | tuple | Mapping):
        return describe(dict(value) if isinstance(value, Mapping) else value)
    if isinstance(value, StepDraft):
        return "a step"
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    return f"the type {short(name)}" if isinstance(value, type) else f"an object of type {short(name)}"


def _way_out(value: Any) -> str:
    if isinstance(value, StepDraft):
        return "steps go into lists of steps: then, else_, do, cases, …"
    if isinstance(value, int | float):
        return "use a finite number, and an integer of 64 bits"
    return "use text, numbers, true, false, None, lists and mappings of them"
