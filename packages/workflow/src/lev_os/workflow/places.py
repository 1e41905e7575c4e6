"""What the step of an effect is called, from its path alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lev_os.core.flowmind.model import SubFlow
from lev_os.core.flowmind.walk import walk

if TYPE_CHECKING:
    from lev_os.core.bidirectional.effects import Effect
    from lev_os.core.flowmind.link import LinkedFlow
    from lev_os.core.flowmind.model import Step


def step_of(linked: LinkedFlow, effect: Effect) -> str:
    """The id of the step that an effect belongs to, or its path where it has none.

    The rounds, branches and sub-flows that led to it stand before its own path: `steps/4>|steps/1[2]|steps/1/do/0`.
    """
    *trail, own = effect.path.split("|")
    for place in trail:
        if place.endswith(">"):
            step = _steps(linked).get(place[:-1])
            if not isinstance(step, SubFlow):
                return effect.path
            linked = linked.flows[step.flow]
    found = _steps(linked).get(own)
    return effect.path if found is None or not found.id else found.id


def name_of(linked: LinkedFlow, effect: Effect) -> str:
    """What an effect is called in lists: its kind and its step."""
    return f"{effect.kind} {step_of(linked, effect)}"


def _steps(linked: LinkedFlow) -> Mapping[str, Step]:
    found: Mapping[str, Step] | None = linked.memo.get(_steps)
    if found is None:
        found = linked.memo[_steps] = {step.path: step for step in walk(linked.tree.steps)}
    return found
