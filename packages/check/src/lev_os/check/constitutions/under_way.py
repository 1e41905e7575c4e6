"""What a walk carries with it: the flow it is in, the `try` around it, and what steps bind and may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lev_os.core import Constitution
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Ask, Call, Return, Set, Step, SubFlow
from lev_os.core.flowmind.walk import bodies, walk

from .in_force import spends
from .sites import Part, Place
from .states import CLEAN, Mark, State
from .symbols import Symbol


@dataclass(slots=True)
class Trying:
    """A `try` around: the states that a failure may leave, joined, and the labels that it may carry."""

    state: State
    place: str
    labels: Mark = CLEAN


class Flow:
    """One flow on its way: the gates that hold, the way from the outermost flow, and where reports about it go."""

    def __init__(
        self, linked: LinkedFlow, gates: tuple[Constitution, ...], trail: str = "", place: Place | None = None
    ) -> None:
        self.linked = linked
        self.gates = gates
        self.trail = trail
        self.returned: list[tuple[State, Symbol, Mark]] = []
        self._place = place

    def place(self, step: Step, part: Part, index: int | None = None) -> Place:
        """Where the outermost flow's author finds a part of a step of this flow."""
        if self._place is None:
            return Place(step, part, index)
        return replace(self._place, inside=(*self._place.inside, step.id or step.path))


def properties(linked: LinkedFlow) -> Mapping[str, Any]:
    """The schemas of a flow's inputs, by name."""
    found = linked.tree.input_schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def may_return(step: Step) -> bool:
    """Whether one of the steps inside ends the flow."""
    return any(isinstance(inner, Return) for body in bodies(step) for inner in walk(body))


def bound(step: Step) -> set[str]:
    """The names that the steps inside a step bind."""
    found: set[str] = set()
    for body in bodies(step):
        for inner in walk(body):
            if inner.id is not None:
                found.add(inner.id)
            if isinstance(inner, Set):
                found.update(inner.values)
    return found


def spending(steps: Sequence[Step], flow: Flow) -> bool:
    """Whether a call in these steps may use up an approval."""
    linked = flow.linked
    for step in walk(steps):
        if isinstance(step, SubFlow) and step.flow in linked.flows:
            inner = linked.flows[step.flow]
            if spending(inner.tree.steps, Flow(inner, (*flow.gates, *inner.constitutions))):
                return True
        references = (step.tool,) if isinstance(step, Call) else step.tools if isinstance(step, Ask) else ()
        for card in (linked.tools[ref] for ref in references if ref in linked.tools):
            if spends((*flow.gates, *linked.guards.get(card.specifier, ())), card):
                return True
    return False
