"""Which passages a budget is spent on: what is required first and whole, then the best, one passage after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lev_os.core import tokens
from lev_os.core.errors import LevError

from .model import Format, Text
from .rendering import Repeated, render_part

Choice = dict[str, set[int]]
"""The passages of each chosen text, in the order in which the texts come."""


@dataclass
class Selection:
    """What is chosen so far, what it costs by the count of its blocks, and why texts are in or out.

    `order` has the passages as they were added, so that the last can be taken back.
    """

    texts: Mapping[str, Text]
    absent: Mapping[str, str]
    budget: int
    form: Format
    chosen: Choice = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    order: list[tuple[str, frozenset[int]]] = field(default_factory=list)
    spent: int = 0
    _costs: dict[str, int] = field(default_factory=dict)
    _counted: dict[str, int] = field(default_factory=dict)
    _repeated: Repeated = field(default_factory=Repeated)
    _refused: dict[str, str] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)
    _offered: set[str] = field(default_factory=set)
    _fixed: int = 0

    def require(self, wanted: Sequence[Text]) -> None:
        """Take texts whole, whatever they cost, with what they require.

        Raises `LevError` for those that cannot all be had.
        """
        for text in wanted:
            for name in self._closure(text.specifier):
                if reason := self._impossible(name) or self._conflict(name, ()):
                    raise LevError(
                        f"{text.specifier} must be in the bundle and cannot be: {reason}",
                        help="name the contexts that are wanted, or leave one of them out of `llm-first`",
                    )
                why = "llm-first" if name == text.specifier else f"required by {text.specifier}"
                self._add({name: range(len(self.texts[name].passages))}, {name: why})
        self._fixed = len(self.order)

    def fill(self, ranked: Iterable[tuple[str, int, int, str]], *, loose: bool) -> None:
        """Add passages, best first, each a specifier, a number, its tokens and why, as long as they fit.

        What does not fit is passed over. Unless they are `loose`, passages of a text come in its order.
        """
        for name, number, size, why in ranked:
            has = self.chosen.get(name, set())
            self._offered.add(name)
            if number in has or name in self._refused or self.spent + size > self.budget:
                continue
            if not loose and number and number - 1 not in has:
                continue
            if not has and not self._begin(name):
                continue
            wanted = {need: range(len(self.texts[need].passages)) for need in self._needs(name)} if not has else {}
            whys = dict.fromkeys(wanted, f"required by {name}") | ({} if has else {name: why})
            own = range(len(self.texts[name].passages)) if not has and self._in_circle(name) else (number,)
            self._add({**wanted, name: own}, whys, within=True)

    def take(self, name: str, numbers: Iterable[int], why: str) -> None:
        """Add passages of a text whatever they cost."""
        self._add({name: numbers}, {name: why})

    def _begin(self, name: str) -> bool:
        """Whether a text may come, with all it requires; if not, it is not asked for again."""
        needs = self._closure(name)
        if (twin := self._digests.get(self.texts[name].digest)) is not None:
            self._refused[name] = f"it is the same text as {twin}"
            return False
        for need in needs:
            reason = self._impossible(need) or self._conflict(need, needs)
            if reason:
                self._refused[name] = reason if need == name else f"requires {need}: {reason}"
                return False
        return True

    def refused(self, name: str) -> str | None:
        """Why a text stays out whatever the budget is."""
        return self._refused.get(name) or (None if name in self._offered else "nothing in it is about the task")

    def _needs(self, name: str) -> list[str]:
        """What a text requires and is not there yet as a whole."""
        return [
            need
            for need in self._closure(name)
            if need != name and len(self.chosen.get(need, ())) < len(self.texts[need].passages)
        ]

    def _in_circle(self, name: str) -> bool:
        """Whether something that a text requires requires that text, which then comes whole or not at all."""
        return any(name in self._closure(need) for need in self._closure(name) if need != name)

    def _closure(self, name: str) -> list[str]:
        """A text and all it requires, what is required first; a circle comes as a whole."""
        found: list[str] = []
        seen = {name}
        pending = [(name, iter(self._requires(name)))]
        while pending:
            current, rest = pending[-1]
            following = next(rest, None)
            if following is None:
                pending.pop()
                found.append(current)
            elif following not in seen:
                seen.add(following)
                pending.append((following, iter(self._requires(following))))
        return found

    def _requires(self, name: str) -> tuple[str, ...]:
        return self.texts[name].requires if name in self.texts else ()

    def _impossible(self, name: str) -> str | None:
        if name not in self.texts:
            return self.absent.get(name, "it does not exist")
        return self.texts[name].fault

    def _conflict(self, name: str, beside: Sequence[str]) -> str | None:
        own = self.texts[name]
        for other in (*self.chosen, *beside):
            if other == name or other not in self.texts:
                continue
            if other in own.conflicts or name in self.texts[other].conflicts:
                return f"it conflicts with {other}"
        return None

    def _add(self, more: Mapping[str, Iterable[int]], why: Mapping[str, str], *, within: bool = False) -> None:
        """Take passages if they fit, or whatever they cost."""
        costs = {}
        for name, numbers in more.items():
            costs[name] = self._cost(name, {*self.chosen.get(name, ()), *numbers})
        total = self.spent + sum(cost - self._costs.get(name, 0) for name, cost in costs.items())
        if within and total > self.budget:
            return
        self.spent = total
        for name, numbers in more.items():
            new = frozenset(numbers) - self.chosen.get(name, set())
            text = self.texts[name]
            for number in sorted(new):
                passage = text.passages[number]
                self._repeated.without(text, text.text[passage.start : passage.end], keep=True)
            self.order.append((name, new))
            self.chosen.setdefault(name, set()).update(new)
            self._costs[name] = costs[name]
            self._digests.setdefault(text.digest, name)
            if name in why:
                self.why.setdefault(name, why[name])

    def take_back(self) -> bool:
        """Undo the last addition that was not required, with all that requires it; false when there is none."""
        if len(self.order) <= self._fixed:
            return False
        name, numbers = self.order.pop()
        self.chosen[name] -= numbers
        if not self.chosen[name]:
            del self.chosen[name]
        for other in [other for other in self.chosen if other != name and name in self._closure(other)]:  # a circle
            self.order = [step for step in self.order if step[0] != other]
            del self.chosen[other]
        return True

    def _cost(self, name: str, numbers: set[int]) -> int:
        rendered = render_part(self.texts[name], numbers, self.form, self._repeated, keep=False)
        new = [block for block in rendered.blocks if block not in self._counted]
        self._counted |= zip(new, tokens.count_many(new), strict=True)
        slack = len(rendered.blocks) if self.form == "json" else 0
        return sum(self._counted[block] for block in rendered.blocks) + slack if rendered else 0
