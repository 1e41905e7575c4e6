"""The gate: every effect before it leaves and every result before it is bound meets the constitutions here.

Compiled once from one or more constitutions, immutable, shareable. It does no I/O, reads no clock and draws no
randomness: the same actions get the same verdicts. What cannot be evaluated is denied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from .checks.base import Watching
from .constitution import Constitution
from .facts import Facts
from .history import History, said_yes
from .model import Action, Mode, Verdict
from .rules import Applicable, applicable, compile_rules, judged, run, watching
from .verdict import fold

ALLOW: Final = Verdict(ruling="allow")
"""The verdict when nothing objects; shared."""
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pre": ("model", "judge", "wait", "sleep"),
    "tool": ("tool",),
    "post": ("model", "judge", "tool", "wait", "sleep"),
}


_MAX_TOOLS: Final = 1024


class _OfTool(NamedTuple):
    """What concerns one tool: in a phase, and when a call of it was let out."""

    here: Applicable | None
    watching: tuple[Watching, ...]


class Gate:
    """One or several constitutions, compiled. The strictest wins; a finding names its source.

    `mode` overrides the constitutions' own; `shadow` records what the ruling would have been and allows.
    Without constitutions the baseline holds.
    """

    __slots__ = ("_index", "_pinned", "_tools", "_watching", "constitutions", "mode")

    def __init__(self, *constitutions: Constitution, mode: Mode | None = None) -> None:
        self.constitutions = constitutions or (Constitution.baseline(),)
        self.mode = mode
        self._pinned: Mapping[str, Any] | None = None
        rules = compile_rules(self.constitutions, mode)
        self._watching = watching(rules)
        self._tools: dict[tuple[str, frozenset[str], str, str, str], _OfTool] = {}
        self._index: dict[tuple[str, str], Applicable | None] = {
            (phase, kind): applicable(rules, phase, kind) for phase, kinds in _KINDS.items() for kind in kinds
        }

    @property
    def pinned(self) -> Mapping[str, Any]:
        """Its mode and all of its constitutions as JSON, for a journal; made once, for every run the same."""
        if self._pinned is None:
            constitutions = [constitution.pinned() for constitution in self.constitutions]
            self._pinned = {"mode": self.mode, "constitutions": constitutions}
        return self._pinned

    def session(self) -> GateSession:
        """The gate of one run, with that run's history."""
        return GateSession(self)

    def concerning(self, facts: Facts) -> _OfTool:
        """What of the constitutions concerns the called tool in this phase; found once for each tool.

        Most checks are about tools with other effects or names: leaving them out is most of the gate's speed.
        """
        phase, effects = facts.action.phase, facts.effects
        tool = phase, effects, *facts.known_as
        found = self._tools.get(tool)
        if found is None:
            if len(self._tools) >= _MAX_TOOLS:
                self._tools.clear()
            names = facts.names
            here = self._index[phase, "tool"]
            found = self._tools[tool] = _OfTool(
                None if here is None else here.of_tool(effects, names),
                tuple(check for check in self._watching if check.concerns(effects, names)),
            )
        return found

    def judge(self, action: Action) -> Verdict:
        """The verdict on one action without a history."""
        return GateSession(self).judge(action)

    def holdback(self, phase: str, kind: str) -> int | None:
        """How many characters a streamed text lags behind so that nothing refused is shown; None: do not stream.

        0 when nothing reads such a text; None as soon as one check needs the whole.
        """
        here = self._index[phase, kind]
        if here is None:
            return 0
        lags: list[int | None] = [getattr(compiled, "max_match", None) for compiled, _, _ in here.checks]
        return None if here.judging or None in lags else max(lag for lag in lags if lag is not None)


class GateSession:
    """The gate of one run: remembers what left and what persons approved."""

    __slots__ = ("_facts", "_gate", "_history", "_tool")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._history = History()
        self._facts: Facts | None = None
        self._tool: _OfTool | None = None

    def judge(self, action: Action) -> Verdict:
        """The verdict of all deterministic checks, with the judged ones that are still to be asked.

        An action a person has approved (same key, same digest) is not asked about again.
        """
        here = self._applicable(action)
        if here is None:
            return ALLOW
        outcomes = run(here.checks, self._seen(action)) if here.checks else []
        asking = () if action.judged else here.judging
        if not outcomes and not asking:
            return ALLOW
        return fold(outcomes, asking, action, approved=self._history.is_approved(action))

    def settle(self, action: Action, verdict: Verdict, answers: Mapping[str, bool | None]) -> Verdict:
        """The final verdict once the judges of `verdict` were asked: principle -> does the action violate it?

        None, or no answer, is a deny unless the judge fails open. A judge never lifts what a check objects to.
        """
        here = self._applicable(action)
        if here is None:
            return ALLOW
        outcomes = run(here.checks, self._seen(action))
        asked = {call.principle for call in verdict.judges}
        said = (judged(rule, answers.get(rule.name)) for rule in here.judging if rule.name in asked)
        outcomes.extend(outcome for outcome in said if outcome is not None)
        if not outcomes:
            return ALLOW
        return fold(outcomes, (), action, approved=self._history.is_approved(action))

    def left(self, action: Action) -> None:
        """The effect was let out; every attempt is to be reported."""
        if action.kind == "tool" and self._gate._watching:
            for check in self._of_tool(action).watching:
                check.observe(self._seen(action))

    def _applicable(self, action: Action) -> Applicable | None:
        here = self._gate._index[action.phase, action.kind]
        if here is None or action.kind != "tool":
            return here
        return self._of_tool(action).here

    def _seen(self, action: Action) -> Facts:
        """The facts of an action; those of the last one are kept, as it is judged, settled and let out in turn."""
        if self._facts is None or self._facts.action is not action:
            self._facts = Facts(action, self._history)
            self._tool = None
        return self._facts

    def _of_tool(self, action: Action) -> _OfTool:
        facts = self._seen(action)
        if self._tool is None:
            self._tool = self._gate.concerning(facts)
        return self._tool

    def approved(self, action: Action) -> None:
        """A person approved exactly this action: its key and its digest."""
        self._history.approve_action(action)

    def person(self, at: float, name: str, value: Any, result: Any) -> None:
        """A flow's own wait was answered; `{"approved": true}` approves the `value` that was shown."""
        if said_yes(result):
            self._history.approve_value(at, name, value)
