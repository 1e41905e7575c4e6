"""Which candidates a budget is spent on. Pure: candidates in, decisions out."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..types import MemoryType, Record
from .model import Plan, Reason

Why = Literal["pinned", "floor", "value", "spill-over"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record, its lines in the context, and what they cost; its heading is shared and costs once.

    `words` are what records are compared by, those alone that are the same one's.
    """

    record: Record
    score: float
    parts: Mapping[str, float]
    lines: str
    tokens: int
    heading: str
    heading_tokens: int
    words: frozenset[str]
    whose: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen in the order of choosing; the refused by id, with the reason and the id of what stands instead."""

    chosen: Sequence[tuple[Candidate, Why]]
    refused: Mapping[str, tuple[Reason, str | None]]


def choose(candidates: Sequence[Candidate], budget: int, plan: Plan) -> Choice:
    """Spend a budget of tokens on candidates, best value first, as `Plan` says."""
    spending = _Spending(budget, plan)
    pinned = [one for one in candidates if one.record.pinned]
    spending.take(pinned, "pinned", round(budget * plan.pinned), lambda one: one.record.importance)
    for kind, share in plan.shares.items():
        room = round(budget * share.floor) - spending.spent.get(kind, 0)
        spending.take([one for one in candidates if one.record.type == kind], "floor", room, spending.value)
    spending.take(candidates, "value", budget, spending.value)
    spending.take(candidates, "spill-over", budget, spending.value)
    return Choice(spending.chosen, spending.refused)


class _Spending:
    def __init__(self, budget: int, plan: Plan) -> None:
        self.chosen: list[tuple[Candidate, Why]] = []
        self.refused: dict[str, tuple[Reason, str | None]] = {}
        self.spent: dict[MemoryType, int] = {}
        self._budget = budget
        self._left = budget
        self._plan = plan
        self._headings: set[str] = set()
        self._taken: set[str] = set()
        self._alike: dict[str, tuple[int, float, str | None]] = {}

    def value(self, one: Candidate) -> float:
        """The score, a little less for a longer text."""
        return one.score / math.pow(max(one.tokens, 1), self._plan.length)

    def take(self, candidates: Sequence[Candidate], why: Why, room: int, value: Callable[[Candidate], float]) -> None:
        """Take what fits into `room` and into the budget, best first; likeness to the chosen lowers a value."""
        # A value only falls as more is chosen, so only the first in line has to be looked at again.
        line = [(-value(one), place) for place, one in enumerate(candidates) if one.record.id not in self._taken]
        heapq.heapify(line)
        while line:
            stated, place = heapq.heappop(line)
            one = candidates[place]
            likeness, twin = self._likeness(one)
            if likeness > self._plan.duplicate:
                self.refused[one.record.id] = ("duplicate", twin)
                continue
            now = -value(one) * (1 - self._plan.redundancy * likeness)
            if now > stated + 1e-9 and line and now > line[0][0]:
                heapq.heappush(line, (now, place))
                continue
            cost = one.tokens + (0 if one.heading in self._headings else one.heading_tokens)
            if cost > min(room, self._left):
                self.refused[one.record.id] = ("budget", None)
            elif why == "value" and not self._below_ceiling(one, cost):
                self.refused[one.record.id] = ("ceiling", None)
            else:
                room -= cost
                self._add(one, cost, why)

    def _below_ceiling(self, one: Candidate, cost: int) -> bool:
        share = self._plan.shares.get(one.record.type)
        return share is None or self.spent.get(one.record.type, 0) + cost <= share.ceiling * self._budget

    def _add(self, one: Candidate, cost: int, why: Why) -> None:
        self.chosen.append((one, why))
        self.refused.pop(one.record.id, None)
        self.spent[one.record.type] = self.spent.get(one.record.type, 0) + cost
        self._left -= cost
        self._headings.add(one.heading)
        self._taken.add(one.record.id)

    def _likeness(self, one: Candidate) -> tuple[float, str | None]:
        """The most words that it shares with a chosen one (Jaccard), and with which."""
        compared, most, twin = self._alike.get(one.record.id, (0, 0.0, None))
        for other, _ in self.chosen[compared:]:
            if one.whose != other.whose:
                continue
            union = len(one.words | other.words)
            shared = len(one.words & other.words) / union if union else float(one.lines == other.lines)
            if shared > most:
                most, twin = shared, other.record.id
        self._alike[one.record.id] = (len(self.chosen), most, twin)
        return most, twin
