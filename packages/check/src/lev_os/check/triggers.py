"""What makes a rule look twice: patterns that are searched for in a file all at once.

Most rules have nothing to say of most files, and a search for each of them costs more than everything else. So a rule
names a pattern without which it cannot find anything, and asks whether it occurs:

    _SECRET = Trigger(r"ghp_[A-Za-z0-9]{36}")

    def secret(file: File) -> Iterator[Finding]:
        if _SECRET.fires(file):
            ...

All patterns of all rules are one automaton (RE2's `Set`), which reads a file once. A pattern that counts (`{40}` of a
wide class) would multiply its states, so it is searched for `alone`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .files import File

SPACE = r"(?:\s|[^\x00-\x7F])+"
"""At least one space of any kind, for patterns: RE2's own `\\s` is only those of ASCII."""
_PATTERNS: list[tuple[str, bool]] = []


class Trigger:
    """One pattern, in RE2's syntax. It may occur where the rule finds nothing, and never the other way round."""

    def __init__(self, pattern: str, *, alone: bool = False) -> None:
        self._number = len(_PATTERNS)
        _PATTERNS.append((pattern, alone))

    def fires(self, file: File) -> bool:
        """Whether the pattern occurs in the file's text."""
        return self._number in file.triggers(len(_PATTERNS))


def search(text: str, count: int) -> frozenset[int]:
    """The numbers of those of the first `count` patterns that occur in a text."""
    data = text.encode("utf-8", "replace")
    together, numbers, alone = _automata(count)
    found = [numbers[index] for index in together.Match(data) or ()]
    return frozenset([*found, *(number for number, pattern in alone if pattern.search(data))])


@cache
def _automata(count: int) -> tuple[Any, list[int], list[tuple[int, Any]]]:
    import re2  # type: ignore[import-untyped]

    together = re2.Set.SearchSet()
    numbers: list[int] = []
    alone: list[tuple[int, Any]] = []
    for number, (pattern, by_itself) in enumerate(_PATTERNS[:count]):
        if by_itself:
            alone.append((number, re2.compile(pattern)))
        else:
            together.Add(pattern)
            numbers.append(number)
    together.Compile()
    return together, numbers, alone
