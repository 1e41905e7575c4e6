"""What a constitution says of an action, as plainly as the reference interpreter says what a flow does.

Random constitutions of three checks: `regex` for one word, `forbid_tool` for one tool, `budget` for the calls of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from lev_os.core.constitutional import Check, Constitution, Gate, Principle
from lev_os.core.constitutional.model import OnViolation

WORDS = ("good", "bad", "bad", "rare")
STRICT = ("warn", "escalate", "revise", "revise", "block")
SCOPES = (("post",), ("post",), ("pre",), ("tool",), ("pre", "tool", "post"))


@dataclass(frozen=True)
class Rule:
    """One principle; `argument` is a word, the name of a tool, or a tool and the calls it may come to."""

    id: str
    kind: str
    argument: Any
    phases: frozenset[str]
    on: OnViolation

    def principle(self) -> Principle:
        """The same for the gate."""
        argument: Any = self.argument
        if self.kind == "regex":
            argument = rf"\b{self.argument}\b"
        elif self.kind == "forbid_tool":
            argument = [f"*/{self.argument}"]
        else:
            argument = {"tools": [f"*/{self.argument[0]}"], "calls": self.argument[1]}
        check = Check(kind=self.kind, argument=argument)
        return Principle(id=self.id, statement="A rule.", checks=(check,), phases=self.phases, on_violation=self.on)

    def objects(self, phase: str, kind: str, request: Mapping[str, Any], result: Any) -> bool:
        """Whether the action is against it; a budget needs to know the whole run (`budgets`)."""
        if phase not in self.phases or kind == "sleep":
            return False
        if self.kind == "forbid_tool":
            return phase == "tool" and request["name"] == self.argument
        if self.kind == "budget":
            return False
        read = {"pre": request, "tool": request.get("arguments"), "post": result}[phase]
        return any(re.search(rf"\b{self.argument}\b", text) for text in texts(read))


@dataclass(frozen=True)
class Law:
    """The rules of a run."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def random(cls, dice: Random) -> Law:
        """At most three rules, most of them about what models and tools answer."""
        return cls(tuple(_rule(f"T-{number}", dice) for number in range(dice.choice((0, 1, 2, 2, 3)))))

    def gate(self) -> Gate:
        return Gate(Constitution.of(tuple(rule.principle() for rule in self.rules), name="law"))

    def against(self, phase: str, kind: str, request: Mapping[str, Any], result: Any = None) -> tuple[Rule, ...]:
        """The rules that object, so that a caller can see what that comes to: `ruling` and `mendable`."""
        return tuple(rule for rule in self.rules if rule.objects(phase, kind, request, result))

    @property
    def budgets(self) -> Iterable[tuple[str, int]]:
        """Tools, and how many calls of each may leave; one more ends the run."""
        return [rule.argument for rule in self.rules if rule.kind == "budget" and rule.on == "block"]


def ruling(objections: Sequence[Rule]) -> str:
    """The strictest: `allow`, `ask` or `deny`; a warning changes nothing."""
    said = {rule.on for rule in objections}
    return "deny" if said & {"block", "revise"} else "ask" if "escalate" in said else "allow"


def mendable(objections: Sequence[Rule]) -> bool:
    """Whether a model may try again: all that deny say so."""
    return "block" not in {rule.on for rule in objections}


def texts(value: Any) -> Iterable[str]:
    """Every string in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def _rule(name: str, dice: Random) -> Rule:
    kind = dice.choice(("regex", "regex", "regex", "forbid_tool", "budget"))
    phases = frozenset(dice.choice(SCOPES))
    tool = dice.choice(("plain", "typed"))
    on: OnViolation = dice.choice(STRICT)  # type: ignore[assignment]
    if kind == "regex":
        return Rule(name, kind, dice.choice(WORDS), phases, on)
    if kind == "forbid_tool":
        return Rule(name, kind, tool, frozenset({"tool"}), on)
    # Whoever asks a person about a budget asks at a moment that hangs on all other branches.
    return Rule(name, kind, (tool, dice.randrange(6)), frozenset({"tool"}), "block" if on == "block" else "warn")
