"""From the text of a flow to its syntax tree, with every problem at once and nothing executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..canonical import digest_bytes
from ..documents import Document, check, describe, read_yaml
from ..errors import InvalidInput, Location, Problem
from ._reader import Reader
from ._scope import Scope
from ._shapes import VERSION, flow_schema
from ._steps import MAX_STEPS, Builder, always_ends
from .expressions import is_identifier
from .model import FlowTree, Limits, Return, Step
from .walk import walk

MAX_BYTES = 1_000_000


def parse_flow(text: str | bytes, *, path: str | None = None) -> FlowTree:
    """The syntax tree of a FlowMind 1 document; raises `InvalidInput` with every problem, in document order."""
    tree, problems = examine(text, path=path)
    if problems or tree is None:
        raise InvalidInput(problems)
    return tree


def examine(text: str | bytes, *, path: str | None = None) -> tuple[FlowTree | None, tuple[Problem, ...]]:
    """The syntax tree of what can be read of a document, and every problem, in document order; never raises.

    With problems the tree is for looking at, not for running: a step that cannot be read is left out, an expression
    that cannot is `null` without a place, and any other part is what it would be if it were not there.
    """
    try:
        document = _read(text, path)
    except InvalidInput as error:
        return None, tuple(error.problems)
    shape = check(document, flow_schema(), code="FLW101")
    reader = Reader(document)
    tree = _build(reader, document.data)
    said = {problem.at for problem in reader.problems}
    problems = [*reader.problems, *(problem for problem in shape if problem.at not in said)]
    return tree, tuple(sorted(problems, key=lambda problem: (problem.at.line or 0, problem.at.column or 0)))


def _read(text: str | bytes, path: str | None) -> Document:
    if len(text) > MAX_BYTES:
        message = f"the flow has {len(text):,} bytes; the limit is {MAX_BYTES:,}"
        raise InvalidInput(
            [Problem("FLW112", message, Location(path, 1, 1), "split it into flows that call each other")]
        )
    document = read_yaml(text, path=path)
    _check_version(document)
    return document


def _check_version(document: Document) -> None:
    data = document.data
    if not isinstance(data, dict):
        message = f"a flow is a mapping, not {describe(data)}"
        help = f"begin with `flowmind: {VERSION}`, `name:` and `steps:`"
        raise InvalidInput([Problem("FLW101", message, document.at(()), help)])
    version = data.get("flowmind")
    if type(version) is int and version > VERSION:
        message = f"this is FlowMind {version}; this version of Leviathan reads FlowMind {VERSION}"
        raise InvalidInput([Problem("FLW104", message, document.at(("flowmind",)), "upgrade lev-os-core")])


def _build(reader: Reader, data: Mapping[str, Any]) -> FlowTree:
    for field in ("input", "output"):
        for name in data[field] if isinstance(data.get(field), dict) else ():
            if not is_identifier(name):
                message = f"the name `{name[:60]}` cannot be read in expressions"
                reader.report("FLW203", (field, name), message, f"write `{_as_identifier(name)}`", key=True)
    input_schema = reader.schema(data, (), "input")
    if input_schema is None:
        input_schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    if not reader.problems:
        _check_input(reader, data)
    output_schema = reader.schema(data, (), "output")
    scope = Scope()
    scope.define("input", input_schema)
    builder = Builder(reader)
    steps = builder.steps(data.get("steps"), ("steps",), scope)
    if builder.count > MAX_STEPS:
        message = f"the flow has {builder.count:,} steps; the limit is {MAX_STEPS:,}"
        reader.report("FLW112", ("steps",), message, "split it into flows that call each other", key=True)
    if output_schema is not None:
        _check_output(reader, data, steps, output_schema)
    text = reader.document.text
    return FlowTree(
        name=str(data.get("name", "")),
        description=str(data.get("description", "")),
        input_schema=input_schema,
        output_schema=output_schema,
        context=reader.references(data.get("context"), ("context",), "contexts"),
        limits=_limits(reader, data.get("limits")),
        steps=steps,
        text=text,
        digest=digest_bytes(text.encode()),
    )


def _check_input(reader: Reader, data: Mapping[str, Any]) -> None:
    """A flow is started with an object, whatever schema is written for it."""
    schema = data.get("input_schema")
    kinds = schema.get("type", "object") if isinstance(schema, dict) else "object"
    if kinds != "object" and (not isinstance(kinds, list) or "object" not in kinds):
        said = " or ".join(f"`{kind}`" for kind in (kinds if isinstance(kinds, list) else [kinds]))
        message = f"the input of a flow is an object with named fields, and this is of type {said}"
        help = "give it a name: `input: {items: {type: array}}`"
        reader.report("FLW302", ("input_schema", "type"), message, help)


def _as_identifier(name: str) -> str:
    fixed = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "_" for char in name[:60])
    return fixed if is_identifier(fixed) else f"{fixed}_" if is_identifier(f"{fixed}_") else f"_{fixed}"


def _limits(reader: Reader, value: Any) -> Limits:
    if not isinstance(value, dict):
        return Limits()
    counts = {name: value[name] for name in ("asks", "tool_calls", "tokens") if type(value.get(name)) is int}
    return Limits(**counts, time=reader.duration(value.get("time"), ("limits", "time")))


def _check_output(reader: Reader, data: Mapping[str, Any], steps: tuple[Step, ...], schema: Mapping[str, Any]) -> None:
    """Every way through a flow with an output must return, and what is written out must fit it."""
    returns = [step for step in walk(steps) if isinstance(step, Return)]
    given = schema.get("properties")
    properties: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    closed = schema.get("additionalProperties") is False
    for step in returns if properties else ():
        if not isinstance(step.value, dict):
            continue
        missing = [name for name in schema.get("required", ()) if name not in step.value]
        unknown = [name for name in step.value if closed and name not in properties]
        for what, names in (("does not give", missing), ("gives unknown", unknown)):
            if names:
                fields = ", ".join(f"`{name}`" for name in names)
                message = f"this `return` {what} {fields}"
                reader.problems.append(Problem("FLW303", message, step.at, f"`output` has {', '.join(properties)}"))
    if steps and not always_ends(steps) and len(steps) == len(data.get("steps", ())):
        message = "the flow has an output but can end without `return`"
        reader.report("FLW402", ("steps",), message, "add a last step `return:`", key=True)
