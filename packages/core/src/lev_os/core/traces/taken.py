"""Which steps a run has taken: its journal is replayed by an interpreter that counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bidirectional._steps import Interpreter
from ..bidirectional.effects import Decision
from ..bidirectional.journal import Entry
from ..bidirectional.machine import Machine
from ..bidirectional.replaying import rebuild
from ..errors import LevError

if TYPE_CHECKING:
    from ..bidirectional._perform import Frame
    from ..bidirectional._scope import Scope
    from ..bidirectional._tasks import Strand
    from ..flowmind.model import Step

Visits = Counter[tuple[str, str]]
"""How often a step was begun, by its flow's specifier and its path."""


class _Counting(Interpreter):
    visits: Visits

    def _block(self, steps: Sequence[Step], frame: Frame, scope: Scope) -> Strand:
        for step in steps:
            self.visits[frame.linked.specifier, step.path] += 1
            yield from super()._block((step,), frame, scope)


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
