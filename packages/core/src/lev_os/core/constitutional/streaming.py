"""Text on its way to a person: held back as far as the principles that read answers need it.

A text lags behind by what the gates' regex checks may still match (`Gate.holdback`), and stays back until its verdict
when a check needs the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .gate import Gate, GateSession
from .model import Action
from .verdict import SHOWN


def common_lag(lags: Iterable[int | None]) -> int | None:
    """How many characters a text lags behind for several gates at once; None: it does not stream."""
    every = list(lags)
    return None if None in every else max((lag for lag in every if lag is not None), default=0)


class HeldText:
    """One text that is being written. `action` makes of a text so far the answer that the gates are asked about.

    `text` is all that has come, `shown` how many characters of it have been given out.
    """

    __slots__ = ("_action", "_gates", "_lag", "shown", "stopped", "text")

    def __init__(self, gates: Iterable[Gate | GateSession], lag: int | None, action: Callable[[str], Action]) -> None:
        self._gates = tuple(gates)
        self._lag = lag
        self._action = action
        self.text = ""
        self.shown = 0
        self.stopped = False

    def more(self, text: str) -> str:
        """More has come; returns what may be shown now. Once a check objects, nothing more is shown."""
        self.text += text
        if self._lag is None or self.stopped:
            return ""
        if self._lag and not self._allowed():
            self.stopped = True
            return ""
        return self._reveal(len(self.text) - self._lag)

    def rest(self) -> str:
        """The whole was allowed; returns what has not been shown."""
        return self._reveal(len(self.text))

    def _allowed(self) -> bool:
        action = self._action(self.text)
        return all(gate.judge(action).ruling in SHOWN for gate in self._gates)

    def _reveal(self, end: int) -> str:
        if end <= self.shown:
            return ""
        more = self.text[self.shown : end]
        self.shown = end
        return more
