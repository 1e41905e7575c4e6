"""A flow's syntax tree as YAML: one spelling for every flow, which reads back as the same tree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ._emit import to_text
from ._reader import seconds_of
from ._shapes import VERSION
from ._shorthand import to_shorthand
from .expressions import is_identifier
from .model import (
    Ask,
    Call,
    Condition,
    FlowTree,
    ForEach,
    If,
    IfSemantic,
    Limits,
    Parallel,
    Retry,
    Return,
    Set,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Template,
    Try,
    Value,
    Wait,
    While,
)  # fmt: skip

Data = dict[str, Any]
_NO_INPUT: Mapping[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def tree_to_yaml(tree: FlowTree) -> str:
    """The FlowMind document of a tree; equal trees give equal text, and `parse_flow` gives the tree back."""
    return to_text(tree_to_data(tree))


def tree_to_data(tree: FlowTree) -> Data:
    """A tree as the values that its document holds."""
    data: Data = {"flowmind": VERSION, "name": tree.name}
    if tree.description:
        data["description"] = tree.description
    if tree.input_schema != _NO_INPUT:
        data |= _schema("input", tree.input_schema, identifiers=True)
    if tree.output_schema is not None:
        data |= _schema("output", tree.output_schema, identifiers=True)
    if tree.context:
        data["context"] = list(tree.context)
    if tree.limits != Limits():
        data["limits"] = _limits(tree.limits)
    return data | {"steps": _steps(tree.steps)}


def duration_text(seconds: float) -> str:
    """Seconds in the largest unit in which they are whole: `2d`, `90s`, `500ms`; `1.5s` when in none."""
    for factor, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if seconds % factor == 0:
            return f"{int(seconds // factor)}{unit}"
    thousandths = f"{round(seconds * 1000)}ms"
    return thousandths if seconds_of(thousandths) == seconds else f"{Decimal(repr(seconds)):f}s"


def _schema(name: str, schema: Mapping[str, Any], *, identifiers: bool = False) -> Data:
    fields = to_shorthand(schema)
    if fields is None or (identifiers and not all(map(is_identifier, fields))):
        return {f"{name}_schema": json.loads(json.dumps(schema))}
    return {name: fields}


def _limits(limits: Limits) -> Data:
    counts = {"asks": limits.asks, "tool_calls": limits.tool_calls, "tokens": limits.tokens}
    data: Data = {name: count for name, count in counts.items() if count is not None}
    return data if limits.time is None else data | {"time": duration_text(limits.time)}


def _steps(steps: Sequence[Step]) -> list[Any]:
    return [({} if step.id is None else {"id": step.id}) | _step(step) for step in steps]


def _step(step: Step) -> Data:
    match step:
        case Ask() | Call() | SubFlow() | Wait():
            return _effect(step)
        case If() | IfSemantic() | Switch() | SwitchSemantic():
            return _branch(step)
        case ForEach():
            data: Data = {"for_each": f"{step.variable} in {step.items.source}"}
            data |= {} if step.where is None else {"where": step.where.source}
            data |= {} if step.max_concurrency == 1 else {"max_concurrency": step.max_concurrency}
            data |= {"collect": _value(step.collect)} if step.has_collect else {}
            return data | {"do": _steps(step.do)}
        case While():
            data = {"while": step.test.source} if step.test else {}
            data |= _condition("while_semantic", step.condition) if step.condition else {}
            return data | {"max_iterations": step.max_iterations, "do": _steps(step.do)}
        case Parallel():
            data = {"parallel": {name: _steps(steps) for name, steps in step.branches.items()}}
            return data | ({} if step.wait_for == "all" else {"wait_for": step.wait_for})
        case Try():
            return {"try": _steps(step.body), "catch": _steps(step.catch)}
        case Set():
            return {"set": _value(step.values)}
        case Return():
            return {"return": _value(step.value)}


def _effect(step: Ask | Call | SubFlow | Wait) -> Data:
    match step:
        case Ask():
            data: Data = {"ask": _template(step.instruction)} | _about(step.about) | _returns(step.returns)
            data |= {"tools": list(step.tools)} if step.tools else {}
            data |= {"context": list(step.context)} if step.context else {}
            return data | _patience(step.retry, step.timeout)
        case Call():
            return {"call": step.tool} | _with(step.with_) | _patience(step.retry, step.timeout)
        case SubFlow():
            return {"flow": step.flow} | _with(step.with_)
        case Wait():
            data = {"wait": step.name} | _about(step.about) | _returns(step.returns)
            return data | _patience(None, step.timeout) | _body("on_timeout", step.on_timeout)


def _branch(step: If | IfSemantic | Switch | SwitchSemantic) -> Data:
    match step:
        case If():
            return {"if": step.test.source, "then": _steps(step.then)} | _body("else", step.else_)
        case IfSemantic():
            data = _condition("if_semantic", step.condition) | {"then": _steps(step.then)}
            return data | _body("else", step.else_) | {"uncertain": _steps(step.uncertain)}
        case Switch():
            cases = {label: _steps(steps) for label, steps in step.cases.items()}
            return {"switch": step.value.source, "cases": cases} | _body("default", step.default)
        case SwitchSemantic():
            return _switch_semantic(step)


def _switch_semantic(step: SwitchSemantic) -> Data:
    examples = step.condition.examples
    cases = {
        label: {"examples": list(examples[label]), "then": _steps(steps)} if label in examples else _steps(steps)
        for label, steps in step.cases.items()
    }
    head = _condition("switch_semantic", step.condition)
    head.pop("examples", None)
    return head | {"cases": cases, "uncertain": _steps(step.uncertain)}


def _condition(kind: str, condition: Condition) -> Data:
    data: Data = {kind: _template(condition.statement)} | _about(condition.about)
    if condition.confidence is not None:
        data["confidence"] = condition.confidence
    if condition.examples:
        data["examples"] = {label: list(texts) for label, texts in condition.examples.items()}
    return data


def _about(about: Template | None) -> Data:
    return {} if about is None else {"about": _template(about)}


def _returns(schema: Mapping[str, Any] | None) -> Data:
    return {} if schema is None else _schema("returns", schema)


def _with(values: Mapping[str, Value]) -> Data:
    return {"with": _value(values)} if values else {}


def _body(name: str, steps: Sequence[Step]) -> Data:
    return {name: _steps(steps)} if steps else {}


def _patience(retry: Retry | None, timeout: float | None) -> Data:
    data: Data = {}
    if retry is not None:
        data["retry"] = {"attempts": retry.attempts}
        if retry.backoff:
            data["retry"]["backoff"] = duration_text(retry.backoff)
    return data if timeout is None else data | {"timeout": duration_text(timeout)}


def _template(template: Template) -> str:
    return "".join(part if isinstance(part, str) else f"${{{part.source}}}" for part in template.parts)


def _value(value: Value) -> Any:
    if isinstance(value, Template):
        return _template(value)
    if isinstance(value, Mapping):
        return {name: _value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return value
