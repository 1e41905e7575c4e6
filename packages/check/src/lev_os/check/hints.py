"""One fast look at a whole file before rules look at it: most of them have nothing to find in most files.

RE2 looks for all hints of a kind of file at once, in some 30 µs for 10 KB; `re` may need 50 times that for a single
pattern whose alternatives begin with letters, and a call of each rule costs a microsecond besides. A hint may be wider
than the pattern that follows it, never narrower: no look-around, and white space that is not ASCII counts as white
space.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from .files import File
from .rule import Rule

_MEMORY = 64 << 20
"""Bytes that RE2 may take for its automaton: so many that it never has to give up."""


class Hints:
    """The rules for one kind of file, and which of them a file needs. `marks` is one more pattern to look for."""

    def __init__(self, rules: Sequence[Rule], marks: str) -> None:
        self._rules = rules
        self._patterns = tuple(dict.fromkeys(rule.hint for rule in rules if rule.hint is not None))
        self._marks = marks
        self._known: dict[tuple[int, ...], tuple[Sequence[Rule], bool]] = {}

    @cached_property
    def _set(self) -> Any:
        import re2  # type: ignore[import-untyped]

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
        options.max_mem = _MEMORY
        found = re2.Set.SearchSet(options)
        for pattern in (*self._patterns, self._marks):
            found.Add(pattern.replace(r"\s", r"[\s\x80-\xff]").encode())
        found.Compile()
        return found

    def look(self, file: File) -> tuple[Sequence[Rule], bool]:
        """The rules that may find something in a file, in their order, and whether `marks` occurs in it."""
        seen = tuple(self._set.Match(file.data) or ())
        known = self._known.get(seen)
        if known is None:
            hit = {self._patterns[index] for index in seen if index < len(self._patterns)}
            rules = tuple(rule for rule in self._rules if rule.hint is None or rule.hint in hit)
            known = self._known[seen] = rules, len(self._patterns) in seen
        return known
