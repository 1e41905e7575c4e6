"""How many calls of each tool a run can make: at least when it gets to its end, and at most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Ask, Call, ForEach, Parallel, Return, Step, SubFlow, Try, Wait, While
from lev_os.core.flowmind.walk import bodies, walk
from lev_os.core.tools import ToolCard


@dataclass(frozen=True, slots=True)
class Count:
    """`open`: how many there are at most hangs on data, such as the length of a list."""

    least: float = 0
    most: float = 0
    open: bool = False

    def plus(self, other: Count) -> Count:
        return Count(self.least + other.least, self.most + other.most, self.open or other.open)

    def either(self, other: Count) -> Count:
        return Count(min(self.least, other.least), max(self.most, other.most), self.open or other.open)

    def times(self, most: float, *, least: float = 0, open: bool = False) -> Count:
        return Count(self.least * least, self.most * most if self.most else 0, self.open or (open and self.most > 0))


@dataclass(slots=True)
class Counts:
    """Calls by card; tools are told apart by their specifiers."""

    of: dict[str, tuple[ToolCard, Count]] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        for name, (card, count) in other.of.items():
            self.of[name] = (card, self._count(name).plus(count))

    def either(self, other: Counts) -> Counts:
        names = self.of.keys() | other.of.keys()
        cards = {name: (self.of.get(name) or other.of[name])[0] for name in names}
        return Counts({name: (card, self._count(name).either(other._count(name))) for name, card in cards.items()})

    def times(self, most: float, *, least: float = 0, open: bool = False) -> Counts:
        return Counts({n: (card, count.times(most, least=least, open=open)) for n, (card, count) in self.of.items()})

    def _count(self, name: str) -> Count:
        return self.of[name][1] if name in self.of else Count()


def counts_of(linked: LinkedFlow) -> Counts:
    """All calls of one run of a flow, those of its sub-flows included, within the flow's own `limits`."""
    counts = _block(linked.tree.steps, linked)
    limit = linked.tree.limits.tool_calls
    if limit is not None:
        for name, (card, count) in counts.of.items():
            if count.most > limit:
                counts.of[name] = (card, Count(min(count.least, limit), limit))
    return counts


def _block(steps: Sequence[Step], linked: LinkedFlow) -> Counts:
    total = Counts()
    ended = False
    for step in steps:
        counts = _step(step, linked)
        total.add(counts.times(1) if ended else counts)
        ended = ended or any(isinstance(inner, Return) for inner in walk([step]))
    return total


def _step(step: Step, linked: LinkedFlow) -> Counts:
    match step:
        case Call():
            card = linked.tools.get(step.tool)
            attempts = step.retry.attempts if step.retry is not None else 1
            most = 1 if card is None or card.declaration.idempotent else attempts
            return Counts({} if card is None else {card.specifier: (card, Count(1, most))})
        case Ask():
            cards = (linked.tools[reference] for reference in step.tools if reference in linked.tools)
            return Counts({card.specifier: (card, Count(0, math.inf, open=True)) for card in cards})
        case SubFlow():
            return counts_of(linked.flows[step.flow]) if step.flow in linked.flows else Counts()
        case While():
            return _block(step.do, linked).times(step.max_iterations)
        case ForEach():
            return _block(step.do, linked).times(math.inf, open=True)
        case Parallel():
            every = step.wait_for in ("all", len(step.branches))
            return _sum(_block(body, linked).times(1, least=int(every)) for body in step.branches.values())
        case Try():
            return _sum(_block(body, linked).times(1) for body in bodies(step))
        case Wait():
            return _block(step.on_timeout, linked).times(1)
    ways = [_block(body, linked) for body in bodies(step)]
    total = ways[0] if ways else Counts()
    for way in ways[1:]:
        total = total.either(way)
    return total


def _sum(every: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in every:
        total.add(counts)
    return total
