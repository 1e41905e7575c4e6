"""Durations, and counting in windows of time, for the checks that remember."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from ..model import Action

DURATION: Final[Mapping[str, Any]] = {
    "type": ["string", "number"],
    "exclusiveMinimum": 0,
    "examples": ["30s", "10m", "2h", "1d", 90],
}
_PARTS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str | float) -> float:
    """A duration in seconds; raises `ValueError` when it is none."""
    if not isinstance(duration, str):
        return float(duration)
    parts = _PARTS.fullmatch(duration)
    if parts is None:
        raise ValueError(f"{duration!r} is not a duration such as 30s, 10m, 2h or 1d")
    return float(parts[1]) * _UNITS[parts[2]]


def once_per_key(action: Action) -> bool:
    """Whether repeated attempts of the action are one act: its tool says so."""
    return action.tool is not None and action.tool.declaration.idempotent


class Counter:
    """The calls of the last `window` seconds (None: of the run)."""

    __slots__ = ("_calls", "_keys", "_window")

    def __init__(self, window: float | None) -> None:
        self._window = window
        self._calls: deque[tuple[float, str]] = deque()
        self._keys: dict[str, int] = {}

    def others(self, action: Action) -> int:
        """How many calls there were besides this one."""
        self._forget(action.at)
        own = self._keys.get(action.key, 0) if once_per_key(action) else 0
        return len(self._calls) - own

    def add(self, action: Action) -> None:
        self._forget(action.at)
        if not (once_per_key(action) and action.key in self._keys):
            self._calls.append((action.at, action.key))
            self._keys[action.key] = self._keys.get(action.key, 0) + 1

    def _forget(self, now: float) -> None:
        if self._window is None:
            return
        while self._calls and now - self._calls[0][0] >= self._window:
            _, key = self._calls.popleft()
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
