"""The steps of a flow, written in Python: `Flow.build("triage", input=…, steps=[ask(…), call(…), if_(…)])`.

Each function is named after the step it makes and takes what the step's YAML takes, under the same names (`with_`
and `else_` where Python has taken the word). Nothing is checked here: `Flow.build` reports every problem at once,
each at the line of the call that made the step.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict

from ..errors import Location

Shape = Mapping[str, Any] | type[Any]
"""What a value looks like: fields in shorthand (`{"text": "string"}`), or a dataclass, TypedDict, `msgspec.Struct`
or Pydantic model. A full JSON Schema goes into the parameter that ends in `_schema`."""

JsonSchema = Mapping[str, Any]
Duration = str | timedelta
"""`"500ms"`, `"30s"`, `"10m"`, `"2d"`, or a `timedelta`."""


class RetrySpec(TypedDict, total=False):
    """`attempts` counts the first one; the wait between them begins at `backoff` and doubles."""

    attempts: int
    backoff: Duration


class LimitSpec(TypedDict, total=False):
    """Bounds of a whole run."""

    asks: int
    tool_calls: int
    tokens: int
    time: Duration


@dataclass(frozen=True, slots=True)
class StepDraft:
    """A step as it was written; `at` is the line of Python that wrote it. `Flow.build` makes a flow of drafts."""

    data: Mapping[str, Any]
    at: Location


Steps = Sequence[StepDraft]


@dataclass(frozen=True, slots=True)
class Body:
    """Marks a place where a list of steps belongs."""

    steps: Any


@dataclass(frozen=True, slots=True)
class Exactly:
    """Marks a value that may be None and is meant all the same."""

    value: Any


@dataclass(frozen=True, slots=True)
class Case:
    """A case of `switch_semantic` with its examples."""

    examples: Sequence[str]
    then: Steps


_ABSENT: Any = object()


def ask(
    instruction: str,
    *,
    id: str | None = None,
    about: str | None = None,
    returns: Shape | None = None,
    returns_schema: JsonSchema | None = None,
    tools: Sequence[str] = (),
    context: Sequence[str] = (),
    retry: RetrySpec | None = None,
    timeout: Duration | None = None,
) -> StepDraft:
    """A model answers; `returns` is the shape of the answer, `tools` what it may call on the way."""
    return _draft(
        id, ask=instruction, about=about, returns=returns, returns_schema=returns_schema, tools=_some(tools),
        context=_some(context), retry=retry, timeout=timeout,
    )  # fmt: skip


def call(
    tool: str,
    *,
    id: str | None = None,
    with_: Mapping[str, Any] | None = None,
    retry: RetrySpec | None = None,
    timeout: Duration | None = None,
) -> StepDraft:
    """Call a tool: `call("./tools/find_order", with_={"order_id": "${input.order}"})`."""
    return _draft(id, **{"call": tool, "with": with_, "retry": retry, "timeout": timeout})


def if_(test: str | bool, then: Steps, else_: Steps = (), *, id: str | None = None) -> StepDraft:
    """Branch on a CEL expression."""
    return _draft(id, **{"if": test, "then": Body(then), "else": _body(else_)})


def if_semantic(
    statement: str,
    *,
    then: Steps,
    uncertain: Steps,
    else_: Steps = (),
    id: str | None = None,
    about: str | None = None,
    confidence: float | None = None,
    examples: Mapping[Literal["yes", "no"], Sequence[str]] | None = None,
) -> StepDraft:
    """Branch on a condition that is judged; `uncertain` is what happens when nobody is sure."""
    return _draft(id, **{
        "if_semantic": statement, "about": about, "confidence": confidence, "examples": examples,
        "then": Body(then), "else": _body(else_), "uncertain": Body(uncertain),
    })  # fmt: skip


def switch(value: str, cases: Mapping[str, Steps], *, default: Steps = (), id: str | None = None) -> StepDraft:
    """Choose a case by a CEL value."""
    return _draft(id, switch=value, cases=_bodies(cases), default=_body(default))


def case(then: Steps, *, examples: Sequence[str] = ()) -> Case:
    """A case of `switch_semantic` with examples; without any, the steps alone are a case."""
    return Case(examples, then)


def switch_semantic(
    what: str,
    cases: Mapping[str, Steps | Case],
    *,
    uncertain: Steps,
    id: str | None = None,
    about: str | None = None,
    confidence: float | None = None,
) -> StepDraft:
    """Choose a case by classification; `uncertain` is what happens when nobody is sure."""
    return _draft(
        id, switch_semantic=what, about=about, confidence=confidence, cases=_bodies(cases), uncertain=Body(uncertain)
    )


def for_each(
    items: str,
    do: Steps,
    *,
    where: str | bool | None = None,
    max_concurrency: int | None = None,
    collect: Any = _ABSENT,
    id: str | None = None,
) -> StepDraft:
    """Repeat for every item of a list: `for_each("order in customer.orders", [...])`."""
    rest = {} if collect is _ABSENT else {"collect": Exactly(collect)}
    return _draft(id, for_each=items, where=where, max_concurrency=max_concurrency, **rest, do=Body(do))


def while_(test: str | bool, do: Steps, *, max_iterations: int, id: str | None = None) -> StepDraft:
    """Repeat while a CEL expression holds, `max_iterations` times at most."""
    return _draft(id, **{"while": test, "max_iterations": max_iterations, "do": Body(do)})


def while_semantic(
    statement: str,
    do: Steps,
    *,
    max_iterations: int,
    id: str | None = None,
    about: str | None = None,
    confidence: float | None = None,
    examples: Mapping[Literal["yes", "no"], Sequence[str]] | None = None,
) -> StepDraft:
    """Repeat while a judged condition holds, `max_iterations` times at most."""
    return _draft(
        id, while_semantic=statement, about=about, confidence=confidence, examples=examples,
        max_iterations=max_iterations, do=Body(do),
    )  # fmt: skip


def parallel(
    branches: Mapping[str, Steps], *, wait_for: Literal["all", "any"] | int = "all", id: str | None = None
) -> StepDraft:
    """Run named branches at once and wait for all, any, or a number of them."""
    return _draft(id, parallel=_bodies(branches), wait_for=None if wait_for == "all" else wait_for)


def subflow(flow: str, *, id: str | None = None, with_: Mapping[str, Any] | None = None) -> StepDraft:
    """Run another flow (the step is called `flow` in YAML)."""
    return _draft(id, **{"flow": flow, "with": with_})


def wait(
    name: str,
    *,
    id: str | None = None,
    about: str | None = None,
    returns: Shape | None = None,
    returns_schema: JsonSchema | None = None,
    timeout: Duration | None = None,
    on_timeout: Steps = (),
) -> StepDraft:
    """Suspend until a person or another program answers."""
    return _draft(
        id, wait=name, about=about, returns=returns, returns_schema=returns_schema, timeout=timeout,
        on_timeout=_body(on_timeout),
    )  # fmt: skip


def try_(body: Steps, catch: Steps, *, id: str | None = None) -> StepDraft:
    """Catch failures of tools, models and sub-flows; `catch` sees `error`."""
    return _draft(id, **{"try": Body(body), "catch": Body(catch)})


def set_(values: Mapping[str, Any], *, id: str | None = None) -> StepDraft:
    """Set names."""
    return _draft(id, set=values)


def return_(value: Any, *, id: str | None = None) -> StepDraft:
    """End the flow with a value."""
    return _draft(id, **{"return": Exactly(value)})


def _draft(id: str | None, **data: Any) -> StepDraft:
    """A draft with everything that was given; its place is the call of our caller."""
    caller = sys._getframe(2)
    given = {key: value for key, value in {"id": id, **data}.items() if value is not None}
    return StepDraft(given, Location(caller.f_code.co_filename, caller.f_lineno))


def _some(items: Sequence[str]) -> Sequence[str] | None:
    return None if isinstance(items, list | tuple) and not items else items


def _body(steps: Any) -> Body | None:
    """An optional list of steps; None when it is empty."""
    return None if isinstance(steps, list | tuple) and not steps else Body(steps)


def _bodies(cases: Any) -> Any:
    if not isinstance(cases, Mapping):
        return cases
    return {label: steps if isinstance(steps, Case) else Body(steps) for label, steps in cases.items()}
