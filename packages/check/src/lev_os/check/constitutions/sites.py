"""The places of a flow at which the gate will be asked, with what is known there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lev_os.core import Constitution
from lev_os.core.flowmind.model import Step
from lev_os.core.tools import ToolCard

from .states import Approval, Mark
from .symbols import Symbol

Field = Literal["instruction", "about", "context"]
Part = Literal["call", "tools", "flow", "instruction", "about", "context"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the checked flow something stands: a step, and which part of it (an index for one of `tools`).

    `inside` names the sub-flows that lie between, and the step in the last of them.
    """

    step: Step
    part: Part
    index: int | None = None
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolSite:
    """A tool call. `arguments` is None when a model makes them, if it calls at all.

    `labels` are those of `args.<name>` and of "", what led to the call. `approvals` and `called` are what surely came
    before: answered waits, and calls of tools with their arguments.
    """

    trail: str
    place: Place
    gates: tuple[Constitution, ...]
    card: ToolCard
    arguments: Mapping[str, Symbol] | None
    labels: Mapping[str, Mark]
    approvals: tuple[Approval, ...]
    called: tuple[tuple[str, Mapping[str, Symbol]], ...]

    @property
    def names(self) -> frozenset[str]:
        """What the gate knows the tool by."""
        return frozenset({self.card.specifier, self.card.name})

    @property
    def effects(self) -> frozenset[str]:
        declared = self.card.declaration.effects
        return frozenset({"undeclared"}) if declared is None else declared


@dataclass(frozen=True, slots=True)
class TextSite:
    """A text that stands in the flow and goes to a model. `whole`: nothing is put into it at run time."""

    trail: str
    place: Place
    gates: tuple[Constitution, ...]
    field: Field
    text: str
    whole: bool
