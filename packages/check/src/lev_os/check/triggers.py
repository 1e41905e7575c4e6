"""What makes a rule look twice: patterns that are searched for in a file all at once.

Most rules have nothing to say of most files, and a search for each of them costs more than everything else. So a rule
names a pattern without which it cannot find anything, and asks whether it occurs:

    _SECRET = Trigger(r"ghp_[A-Za-z0-9]{36}")

    def secret(file: File) -> Iterator[Finding]:
        if _SECRET.fires(file):
            ...

All patterns of all rules are one automaton (RE2's `Set`), which reads a file once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .files import File

SPACE = r"(?:\s|[^\x00-\x7F])+"
"""At least one space of any kind, for patterns: RE2's own `\\s` is only those of ASCII."""
_PATTERNS: list[str] = []


class Trigger:
    """One pattern, in RE2's syntax. It may occur where the rule finds nothing, and never the other way round."""

    def __init__(self, pattern: str) -> None:
        self._number = len(_PATTERNS)
        _PATTERNS.append(pattern)

    def fires(self, file: File) -> bool:
        """Whether the pattern occurs in the file's text."""
        return self._number in file.triggers(len(_PATTERNS))


def search(text: str, count: int) -> frozenset[int]:
    """The numbers of those of the first `count` patterns that occur in a text."""
    return frozenset(_automaton(count).Match(text.encode("utf-8", "replace")) or ())


@cache
def _automaton(count: int) -> Any:
    import re2  # type: ignore[import-untyped]

    made = re2.Set.SearchSet()
    for pattern in _PATTERNS[:count]:
        made.Add(pattern)
    made.Compile()
    return made
