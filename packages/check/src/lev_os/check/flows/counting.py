"""How often a flow asks models and calls tools, at least and at most, if every effect succeeds at its first attempt.

Each list of steps is counted once: what it costs on the ways that go on after it, and on those that return in it. So
the count is linear in the steps, and exact for what runs whatever the values are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import ExpressionError
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import (
    Ask,
    Call,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Try,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import bodies

UNBOUNDED = math.inf


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high` times; `high` may be `UNBOUNDED`."""

    low: float = 0
    high: float = 0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __or__(self, other: Range) -> Range:
        return Range(min(self.low, other.low), max(self.high, other.high))

    def times(self, rounds: Range) -> Range:
        # No work is no work however often; 0 × infinity has no value of its own.
        return Range(self.low * rounds.low, self.high * rounds.high if self.high and rounds.high else 0)


@dataclass(frozen=True, slots=True)
class Cost:
    """`context` counts the tokens of the contexts that are sent along."""

    asks: Range = Range()
    calls: Range = Range()
    context: Range = Range()

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.asks + other.asks, self.calls + other.calls, self.context + other.context)

    def __or__(self, other: Cost) -> Cost:
        return Cost(self.asks | other.asks, self.calls | other.calls, self.context | other.context)

    def times(self, rounds: Range) -> Cost:
        return Cost(self.asks.times(rounds), self.calls.times(rounds), self.context.times(rounds))

    def at_least_nothing(self) -> Cost:
        """The same, when it need not happen or may stop on the way."""
        return self | _NOTHING


_NOTHING = Cost()
_ONE = Range(1, 1)


@dataclass(frozen=True, slots=True)
class Ways:
    """What it costs to go on, and to end in it with `return`; None when no way does."""

    on: Cost | None
    ended: Cost | None = None

    def then(self, other: Ways) -> Ways:
        if self.on is None:
            return self
        on = None if other.on is None else self.on + other.on
        return Ways(on, _either(self.ended, None if other.ended is None else self.on + other.ended))

    def __or__(self, other: Ways) -> Ways:
        return Ways(_either(self.on, other.on), _either(self.ended, other.ended))

    @property
    def whole(self) -> Cost:
        """Whichever way."""
        return _either(self.on, self.ended) or _NOTHING


def _either(one: Cost | None, other: Cost | None) -> Cost | None:
    return other if one is None else one if other is None else one | other


def count(linked: LinkedFlow, known: dict[str, Cost] | None = None) -> Cost:
    """The cost of a run of a flow, sub-flows included. `known` keeps those of flows by their specifiers."""
    known = {} if known is None else known
    if linked.specifier not in known:
        known[linked.specifier] = _Counter(linked, known).block(linked.tree.steps).whole
    return known[linked.specifier]


class _Counter:
    def __init__(self, linked: LinkedFlow, known: dict[str, Cost]) -> None:
        self._linked = linked
        self._known = known

    def block(self, steps: Sequence[Step]) -> Ways:
        ways = Ways(_NOTHING)
        for step in steps:
            ways = ways.then(_STEPS[type(step)](self, step)) if type(step) in _STEPS else ways
        return ways

    def _any(self, blocks: Iterable[Sequence[Step]]) -> Ways:
        return reduce(Ways.__or__, map(self.block, blocks))

    def _ask(self, step: Ask) -> Ways:
        references = dict.fromkeys((*self._linked.tree.context, *step.context))
        sent = sum(self._linked.contexts[ref].tokens for ref in references if ref in self._linked.contexts)
        return Ways(Cost(asks=_ONE, context=Range(sent, sent)))

    def _call(self, step: Call) -> Ways:
        return Ways(Cost(calls=_ONE))

    def _sub_flow(self, step: SubFlow) -> Ways:
        flow = self._linked.flows.get(step.flow)
        return Ways(_NOTHING if flow is None else count(flow, self._known))

    def _wait(self, step: Wait) -> Ways:
        return Ways(_NOTHING) | self.block(step.on_timeout) if step.on_timeout else Ways(_NOTHING)

    def _if(self, step: If) -> Ways:
        return self._any((step.then, step.else_))

    def _if_semantic(self, step: IfSemantic) -> Ways:
        return _JUDGED.then(self._any((step.then, step.else_, step.uncertain)))

    def _switch(self, step: Switch) -> Ways:
        return self._any((*step.cases.values(), step.default))

    def _switch_semantic(self, step: SwitchSemantic) -> Ways:
        return _JUDGED.then(self._any((*step.cases.values(), step.uncertain)))

    def _while(self, step: While) -> Ways:
        inside = self.block(step.do)
        if step.condition is not None:
            inside = _JUDGED.then(inside)
        most = step.max_iterations
        if inside.on is None:
            return Ways(_NOTHING) | inside
        always = step.test is not None and step.test.source.strip() == "true" and inside.ended is None
        rounds = inside.on.times(Range(most if always else 0, most))
        ended = None if inside.ended is None else inside.on.times(Range(0, most - 1)) + inside.ended
        return Ways(rounds, ended)

    def _for_each(self, step: ForEach) -> Ways:
        return Ways((self.block(step.do).on or _NOTHING).times(_items(step)))

    def _parallel(self, step: Parallel) -> Ways:
        costs = [self.block(branch).whole for branch in step.branches.values()]
        together = reduce(Cost.__add__, costs, _NOTHING)
        return Ways(together if step.wait_for in ("all", len(costs)) else together.at_least_nothing())

    def _try(self, step: Try) -> Ways:
        body, caught = self.block(step.body), self.block(step.catch)
        return body | Ways(body.whole.at_least_nothing()).then(caught)

    def _return(self, step: Return) -> Ways:
        return Ways(None, _NOTHING)


def _items(step: ForEach) -> Range:
    """How many items a loop has; known for a list that is written out."""
    try:
        written = cel.parse(step.items.source)
    except ExpressionError:
        return Range(0, UNBOUNDED)
    if not isinstance(written, cel.ListOf):
        return Range(0, UNBOUNDED)
    return Range(0 if step.where is not None else len(written.items), len(written.items))


_JUDGED = Ways(Cost(asks=Range(0, 1)))
"""A judgement asks a model when no local classifier is sure."""

_STEPS: Mapping[type, Callable[[_Counter, Any], Ways]] = {
    Ask: _Counter._ask,
    Call: _Counter._call,
    If: _Counter._if,
    IfSemantic: _Counter._if_semantic,
    Switch: _Counter._switch,
    SwitchSemantic: _Counter._switch_semantic,
    ForEach: _Counter._for_each,
    While: _Counter._while,
    Parallel: _Counter._parallel,
    SubFlow: _Counter._sub_flow,
    Wait: _Counter._wait,
    Try: _Counter._try,
    Return: _Counter._return,
}


def heaviest(linked: LinkedFlow, what: Callable[[Cost], Range]) -> list[tuple[Step, float]]:
    """The steps that may add most to a count, each with how often, the heaviest first."""
    counter = _Counter(linked, {})
    found: list[tuple[Step, float]] = []

    def visit(steps: Sequence[Step], factor: float) -> None:
        for step in steps:
            inner = factor
            if isinstance(step, Ask | Call | SubFlow):
                own = what(counter.block([step]).whole).high
                if own:
                    found.append((step, own * factor))
            elif isinstance(step, While):
                inner = factor * step.max_iterations
            elif isinstance(step, ForEach):
                inner = factor * (_items(step).high or 1)
            for body in bodies(step):
                visit(body, inner)

    visit(linked.tree.steps, 1)
    return sorted(found, key=lambda item: -item[1])
