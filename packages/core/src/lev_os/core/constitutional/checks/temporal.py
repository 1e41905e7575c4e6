"""`temporal`: what must come before a call, and how many calls fit into a window.

    - temporal: {requires_before: approval, within: 10m, same: [args.to]}
    - temporal: {requires_before: {tool: "*/tools/verify"}, same: [args.customer], effects: [spends]}
    - temporal: {at_most: 3, per: 10m, same: [args.to], tools: ["*/tools/send"]}

`requires_before` names an approval (`approval` is any, another name the wait so named) or a tool that was let out
before. `same` lists paths: for an approval, the values a person was shown must hold each of them; for a tool and for
counts, the calls must agree in them. Without `same`, any approval by a flow's own wait counts, or that of this call.
Without `tools` and `effects`, `requires_before` is about calls that write outside, cannot be undone or spend, and
`at_most` about every call. Without `per` the window is the run. Attempts of a tool declared idempotent count once.
Durations are seconds or `30s`, `10m`, `2h`, `1d`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..facts import MISSING, Facts, tool_name
from ..history import Approval
from .base import FIELDS, NAMES, SELECTOR, Compiled, Fault, Globs, Hit, Selector, listing
from .windows import DURATION, Counter, seconds

_SAME: Final[Mapping[str, Any]] = {**NAMES, "items": FIELDS["items"], "description": "Paths whose values must agree."}
SCHEMA: Final[Mapping[str, Any]] = {
    "description": "What must come before a call, or how many calls fit into a window.",
    "type": "object",
    "properties": {
        "requires_before": {
            "type": ["string", "object"],
            "minLength": 1,
            "properties": {"tool": {"type": "string", "minLength": 1, "description": "A glob."}},
            "required": ["tool"],
            "additionalProperties": False,
        },
        "within": {**DURATION, "description": "How long ago it may be; absent: any time in this run."},
        "at_most": {"type": "integer", "minimum": 0},
        "per": {**DURATION, "description": "The window; absent: the run."},
        "same": _SAME,
        **SELECTOR,
    },
    "additionalProperties": False,
    "dependentRequired": {"within": ["requires_before"], "per": ["at_most"]},
}
_CONSEQUENTIAL: Final = ("writes_external", "irreversible", "spends")


class _Before:
    """Something must have happened before."""

    def __init__(self, argument: Mapping[str, Any], selects: Selector) -> None:
        wanted = argument["requires_before"]
        self.glob: str | None = wanted["tool"] if isinstance(wanted, Mapping) else None
        self.called = None if self.glob is None else Globs((self.glob,))
        self.names = frozenset() if isinstance(wanted, Mapping) else frozenset({wanted})
        self.within = None if "within" not in argument else seconds(argument["within"])
        self.same = tuple(argument.get("same", ()))
        self.selects = selects

    def applies(self, phase: str, kind: str) -> bool:
        return phase == "tool" and kind == "tool"

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return self.selects.of(effects, names) or (self.called is not None and self.called(names))

    def __call__(self, facts: Facts) -> Hit | None:
        if not self.selects(facts):
            return None
        values = [facts.value(path) for path in self.same]
        happened = MISSING not in values and (
            self._approved(facts, values) if self.glob is None else self._called(facts)
        )
        if happened:
            return None
        what = f"a call of `{self.glob}`" if self.glob is not None else f"{listing(self.names)} by a person"
        window = "" if self.within is None else f" within {self.within:g} s"
        over = f" of the same {listing(self.same)}" if self.same else ""
        return Hit(
            f"`{tool_name(facts.action)}` needs {what} before it{window}{over}",
            {
                "tool": tool_name(facts.action),
                "requires_before": self.glob or sorted(self.names),
                "same": list(self.same),
            },
        )

    def observe(self, facts: Facts) -> None:
        if self.called is not None and self.called(facts.names):
            facts.history.states.setdefault(self, {})[facts.same(self.same)] = facts.action.at

    def _called(self, facts: Facts) -> bool:
        at = facts.history.states.get(self, {}).get(facts.same(self.same))
        return at is not None and self._recent(facts, at)

    def _approved(self, facts: Facts, values: list[Any]) -> bool:
        history = facts.history
        approved_at = history.approved_at(facts.action)
        if approved_at is not None and self._recent(facts, approved_at):
            return True
        candidates: Iterable[Approval] = history.covering(values) if values else history.approvals
        return any(
            approval.named(self.names)
            and self._recent(facts, approval.at)
            and (bool(values) or approval.action is None)
            for approval in candidates
        )

    def _recent(self, facts: Facts, at: float) -> bool:
        return self.within is None or facts.action.at - at <= self.within


class _AtMost:
    """So many calls in a window."""

    def __init__(self, argument: Mapping[str, Any], selects: Selector) -> None:
        self.most: int = argument["at_most"]
        self.per = None if "per" not in argument else seconds(argument["per"])
        self.same = tuple(argument.get("same", ()))
        self.selects = selects

    def applies(self, phase: str, kind: str) -> bool:
        return phase == "tool" and kind == "tool"

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return self.selects.of(effects, names)

    def __call__(self, facts: Facts) -> Hit | None:
        if not self.selects(facts):
            return None
        counter: Counter | None = facts.history.states.get(self, {}).get(facts.same(self.same))
        before = 0 if counter is None else counter.others(facts.action)
        if before + 1 <= self.most:
            return None
        window = "run" if self.per is None else f"{self.per:g} s"
        name = tool_name(facts.action)
        over = f" with the same {listing(self.same)}" if self.same else ""
        return Hit(
            f"`{name}` would be call {before + 1} of at most {self.most} per {window}{over}",
            {"tool": name, "calls": before},
        )

    def observe(self, facts: Facts) -> None:
        if self.selects(facts):
            groups = facts.history.states.setdefault(self, {})
            counter = groups.setdefault(facts.same(self.same), Counter(self.per))
            counter.add(facts.action)


def compile(argument: Any, *, hard: bool) -> Compiled:
    effects = argument.get("effects")
    if "at_most" in argument:
        return _AtMost(argument, Selector(argument.get("tools"), effects, hard=hard))
    if effects is None and "tools" not in argument:
        effects = _CONSEQUENTIAL
    return _Before(argument, Selector(argument.get("tools"), effects, hard=hard))


def faults(argument: Any) -> Iterable[Fault]:
    if ("requires_before" in argument) == ("at_most" in argument):
        yield Fault((), "it says either `requires_before` or `at_most`", "write two checks for both")
    for key in ("within", "per"):
        if key in argument:
            try:
                seconds(argument[key])
            except ValueError as error:
                yield Fault((key,), str(error))
