"""How often a flow asks models and calls tools, against its `limits`. Retries and a model's own calls come on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from ...flows.counting import UNBOUNDED, Cost, Range, heaviest
from ...flows.places import in_header
from ...project import FlowSubject
from ...rule import Finding, rule
from .._flow_examples import flow

Name = Literal["asks", "tool_calls"]
_COUNTED: dict[Name, Callable[[Cost], Range]] = {"asks": lambda cost: cost.asks, "tool_calls": lambda cost: cost.calls}
_WORDS: dict[Name, str] = {"asks": "requests to models", "tool_calls": "calls of tools"}
_FIVE = 'limits: {asks: %s}\nsteps:\n  - while: "true"\n    max_iterations: 5\n    do:\n      - ask: Say hello.\n'
_MAYBE = (
    'input: {n: integer}\nlimits: {asks: %s}\nsteps:\n  - while: "input.n > 3"\n    max_iterations: 5\n    do:\n'
    "      - ask: Say hello.\n"
)


def _limit(subject: FlowSubject, name: Name) -> int | None:
    limits = subject.flow.tree.limits
    return limits.asks if name == "asks" else limits.tool_calls


@rule(
    "FLW510", "limit-too-low", on="flow", severity="error",
    summary="Every run needs more requests or calls than the flow's own `limits` allow.",
    why="No run can end well: reaching a limit fails it, after all that was done and paid for before.",
    mend="Raise the limit, or let the flow do less.",
    bad=flow(_FIVE % 4, (3, 16)),
    good=flow(_FIVE % 5),
)  # fmt: skip
def limit_too_low(subject: FlowSubject) -> Iterator[Finding]:
    """Limits below the least that a successful run needs."""
    for name, of in _COUNTED.items():
        limit, count = _limit(subject, name), of(subject.analysis.cost)
        if limit is not None and count.low > limit and not subject.lost:
            message = f"every run needs at least {count.low:.0f} {_WORDS[name]}, and the limit is {limit}"
            yield Finding(in_header(subject, "limits", name), message, f"raise it to {count.low:.0f} or more")


@rule(
    "FLW511", "limit-may-be-reached", on="flow", severity="warning", confidence="medium",
    summary="The longest way through a flow needs more requests or calls than its `limits` allow.",
    why="Reaching a limit fails the run. Without retries, and without calls that a model makes itself, this way "
    "already is too long.",
    mend="Raise the limit, or lower `max_iterations`.",
    bad=flow(_MAYBE % 4, (4, 16)),
    good=flow(_MAYBE % 5),
)  # fmt: skip
def limit_may_be_reached(subject: FlowSubject) -> Iterator[Finding]:
    """Limits below the most that a run may need, where that can be counted."""
    for name, of in _COUNTED.items():
        limit, count = _limit(subject, name), of(subject.analysis.cost)
        if limit is None or subject.lost or not count.low <= limit < count.high < UNBOUNDED:
            continue
        most = [
            f"{times:.0f} at line {step.at.line}" for step, times in heaviest(subject.linked, of)[:3] if step.at.line
        ]
        message = f"a run may need up to {count.high:.0f} {_WORDS[name]}, and the limit is {limit}"
        yield Finding(in_header(subject, "limits", name), message, f"the most: {', '.join(most)}" if most else None)


_EACH = (
    "input: {{list: [string]}}\n{head}steps:\n  - for_each: item in input.list\n    do:\n"
    '      - ask: "Say ${{item}}."\n'
)


@rule(
    "FLW512", "unlimited-asks", on="flow", severity="info",
    summary="A model is asked for every item of a list of any length, and nothing limits that.",
    why="A list of ten thousand is ten thousand requests. `limits` ends such a run cleanly.",
    mend="Add `limits: {asks: …}`, or `maxItems` to the list.",
    bad=flow(_EACH.format(head=""), (4, 1)),
    good=flow(_EACH.format(head="limits: {asks: 20}\n")),
)  # fmt: skip
def unlimited_asks(subject: FlowSubject) -> Iterator[Finding]:
    """Flows without a bound on their requests to models."""
    limits = subject.flow.tree.limits
    if limits.asks is None and limits.tokens is None and subject.analysis.cost.asks.high == UNBOUNDED:
        where = [step.at.line for step, times in heaviest(subject.linked, _COUNTED["asks"]) if times == UNBOUNDED]
        message = (
            f"the model is asked at line {where[0]} as often as the list is long" if where else "asks have no bound"
        )
        yield Finding(in_header(subject, "steps", key=True), message, "add `limits: {asks: …}`")


_TOKENS = "limits: {tokens: %s}\ncontext: [./contexts/long]\nsteps:\n  - ask: Say hello.\n  - ask: Say goodbye.\n"
_LONG = {"acme/contexts/long.md": "Be polite to everyone.\n" * 100}


@rule(
    "FLW513", "tokens-too-few", on="flow", severity="warning",
    summary="The contexts that a flow sends need more tokens than its `limits` allow.",
    why="They are sent with every `ask`, and counted every time. Reaching a limit fails the run.",
    mend="Raise `tokens`, shorten the contexts, or name them only in the asks that need them.",
    bad=flow(_TOKENS % 600, (3, 18), more=_LONG),
    good=flow(_TOKENS % 6000, more=_LONG),
)  # fmt: skip
def tokens_too_few(subject: FlowSubject) -> Iterator[Finding]:
    """Limits of tokens below what the contexts alone come to; counted as o200k does."""
    limit, count = subject.flow.tree.limits.tokens, subject.analysis.cost.context
    if limit is None or subject.lost or count.low <= limit:
        return
    message = f"every run sends contexts of at least {count.low:,.0f} tokens, and the limit is {limit:,}"
    sure = count.low > 2 * limit  # other models count a little otherwise
    yield Finding(in_header(subject, "limits", "tokens"), message, severity="error" if sure else None)
