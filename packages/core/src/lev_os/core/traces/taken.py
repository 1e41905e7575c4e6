"""Which steps a run has taken: its journal is replayed by an interpreter that counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import canonical
from ..bidirectional._steps import Interpreter
from ..bidirectional.effects import Decision
from ..bidirectional.journal import Entry
from ..bidirectional.machine import Machine
from ..bidirectional.replaying import rebuild
from ..errors import LevError
from ..flowmind.model import IfSemantic, Switch

if TYPE_CHECKING:
    from ..bidirectional._perform import Frame
    from ..bidirectional._scope import Scope
    from ..bidirectional._tasks import Strand
    from ..flowmind.model import Condition, Expr, Step

Visits = Counter[tuple[str, str]]
"""How often a step was begun, by its flow's specifier and its path; `path.LABEL` counts a branch that was chosen."""

_BRANCHES = {"yes": "then", "no": "else"}


class _Counting(Interpreter):
    visits: Visits
    _flow = ""

    def _block(self, steps: Sequence[Step], frame: Frame, scope: Scope) -> Strand:
        for step in steps:
            self._flow = frame.linked.specifier
            self.visits[self._flow, step.path] += 1
            yield from super()._block((step,), frame, scope)

    def _evaluate(self, expression: Expr, step: Step, scope: Scope) -> Any:
        value = super()._evaluate(expression, step, scope)
        if isinstance(step, Switch):  # evaluated as soon as it is begun: `_flow` is still its flow
            name = value if isinstance(value, str) else canonical.encode(value).decode()
            self._choose(self._flow, step, name if name in step.cases else "default")
        return value

    def _judge(self, step: Step, frame: Frame, scope: Scope, condition: Condition, round_: str = "") -> Strand:
        decision, labels = yield from super()._judge(step, frame, scope, condition, round_)
        label = _BRANCHES.get(decision.label, decision.label) if isinstance(step, IfSemantic) else decision.label
        self._choose(frame.linked.specifier, step, label)
        return decision, labels

    def _choose(self, flow: str, step: Step, label: str) -> None:
        self.visits[flow, f"{step.path}.{label}"] += 1


class _Watched(Machine):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._interpreter = self.counting = _Counting(self, self._gates)
        self.counting.visits = Counter()


def taken(path: Path, entries: Sequence[Entry]) -> tuple[Visits, tuple[Decision, ...]] | None:
    """The steps taken and the decisions made so far; None when this version cannot replay the journal."""
    made: list[_Watched] = []

    def make(*arguments: Any, **options: Any) -> Machine:
        made.append(_Watched(*arguments, **options))
        return made[0]

    try:
        rebuilt = rebuild(path, entries, make=make)
    except (LevError, LookupError, TypeError, ValueError):
        return None
    if rebuilt.divergences:
        return None
    return made[0].counting.visits, tuple(rebuilt.machine.decisions)
