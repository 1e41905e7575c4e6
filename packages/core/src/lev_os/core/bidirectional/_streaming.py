"""Text of a model on its way to a person, as far as the principles that read answers let it (`HeldText`).

A structured answer never streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..constitutional.model import Action
from ..constitutional.streaming import HeldText, common_lag
from ..constitutional.verdict import SHOWN
from .effects import Effect, Record
from .events import TextDelta

if TYPE_CHECKING:
    from ..constitutional import Gate
    from ..flowmind.link import LinkedFlow


class Streams:
    """The texts of one run that are being written. `show` gets what may be seen."""

    def __init__(self, gates: Sequence[Gate], show: Callable[[TextDelta], None]) -> None:
        self._lag = common_lag(gate.holdback("post", "model") for gate in gates)
        self._gates = gates
        self._show = show
        self._texts: dict[tuple[str, int], tuple[Effect, HeldText]] = {}

    def delta(self, effect: Effect, more: str) -> None:
        """More text has come from the model that answers `effect`."""
        if effect.request.get("returns") is not None or effect.request.get("purpose") != "ask":
            return
        place = (effect.key, effect.attempt)
        if place not in self._texts:
            self._texts[place] = effect, HeldText(self._gates, self._lag, partial(_action, effect))
        self._reveal(effect, self._texts[place][1].more(more))

    def settle(self, record: Record) -> None:
        """A verdict on a whole answer: show the rest of it, or never."""
        if record.key is None or record.attempt is None or record.body["phase"] != "post":
            return
        effect, text = self._texts.pop((record.key, record.attempt), (None, None))
        if effect is not None and text is not None and record.body["ruling"] in SHOWN:
            self._reveal(effect, text.rest())

    def _reveal(self, effect: Effect, more: str) -> None:
        if more:
            self._show(TextDelta(key=effect.key, attempt=effect.attempt, path=effect.path, text=more))


def _action(effect: Effect, text: str) -> Action:
    return Action(
        phase="post",
        kind="model",
        key=effect.key,
        attempt=effect.attempt,
        digest=effect.digest,
        at=0.0,
        request=effect.request,
        result={"answer": text},
    )


def gates_of(flow: LinkedFlow, given: Sequence[Gate]) -> tuple[Gate, ...]:
    """Every gate that some effect of the flow may meet."""
    from ..constitutional import Gate

    found = {}
    pending = [flow]
    while pending:
        linked = pending.pop()
        pending += linked.flows.values()
        name = ",".join(constitution.digest for constitution in linked.constitutions)
        if name not in found:
            found[name] = Gate(*linked.constitutions)
    return (*given, *found.values())
