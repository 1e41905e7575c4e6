"""The states of files and folders, as far as they were looked at when a check began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .cache import ABSENT, state


class Known:
    """`same` are states that were found to be what they were in an earlier check: nobody asks the system again."""

    def __init__(self, same: Mapping[str, int] | None = None) -> None:
        self._same = same or {}

    def __contains__(self, path: str) -> bool:
        return path in self._same

    def state(self, path: str) -> int:
        """The state of a path."""
        known = self._same.get(path)
        return state(path) if known is None else known

    def states(self, paths: Iterable[str], begun: int) -> dict[str, int]:
        """The state of each path; see `cache.state` for `begun`."""
        same = self._same
        return {path: same[path] if path in same else state(path, begun) for path in paths}

    def hold(self, rests_on: Mapping[str, int]) -> bool:
        """Whether every path still has its state."""
        return all(map(int.__eq__, map(self.state, rests_on), rests_on.values()))

    def is_there(self, path: str) -> bool:
        """Whether there is a file or folder; False also when that was not looked at."""
        return self._same.get(path, ABSENT) != ABSENT
