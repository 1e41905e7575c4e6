"""Text of a model on its way to a person: held back as far as the principles that read answers need it.

A structured answer never streams. A text lags behind by what the gates' regex checks may still match
(`Gate.holdback`), and stays back until its verdict when a check needs the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..constitutional.model import Action
from .effects import Effect, Record
from .events import TextDelta

if TYPE_CHECKING:
    from ..constitutional import Gate
    from ..flowmind.link import LinkedFlow

_SHOWN = ("allow", "warn")


class _Text:
    __slots__ = ("effect", "shown", "stopped", "text")

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.text = ""
        self.shown = 0
        self.stopped = False


class Streams:
    """The texts of one run that are being written. `show` gets what may be seen."""

    def __init__(self, gates: Sequence[Gate], show: Callable[[TextDelta], None]) -> None:
        lags = [gate.holdback("post", "model") for gate in gates]
        self._lag = None if None in lags else max((lag for lag in lags if lag is not None), default=0)
        self._gates = gates
        self._show = show
        self._texts: dict[tuple[str, int], _Text] = {}

    def delta(self, effect: Effect, more: str) -> None:
        """More text has come from the model that answers `effect`."""
        if effect.request.get("returns") is not None or effect.request.get("purpose") != "ask":
            return
        text = self._texts.setdefault((effect.key, effect.attempt), _Text(effect))
        text.text += more
        if self._lag is None or text.stopped:
            return
        if not self._allowed(text):
            text.stopped = True
            return
        self._reveal(text, len(text.text) - self._lag)

    def settle(self, record: Record) -> None:
        """A verdict on a whole answer: show the rest of it, or never."""
        if record.key is None or record.attempt is None or record.body["phase"] != "post":
            return
        text = self._texts.pop((record.key, record.attempt), None)
        if text is not None and record.body["ruling"] in _SHOWN:
            self._reveal(text, len(text.text))

    def _allowed(self, text: _Text) -> bool:
        effect = text.effect
        action = Action(
            phase="post",
            kind="model",
            key=effect.key,
            attempt=effect.attempt,
            digest=effect.digest,
            at=0.0,
            request=effect.request,
            result={"answer": text.text},
        )
        return all(gate.judge(action).ruling in _SHOWN for gate in self._gates)

    def _reveal(self, text: _Text, end: int) -> None:
        if end > text.shown:
            effect, more = text.effect, text.text[text.shown : end]
            text.shown = end
            self._show(TextDelta(key=effect.key, attempt=effect.attempt, path=effect.path, text=more))


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
