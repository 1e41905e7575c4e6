"""`regex`: a pattern that must not be found.

    - regex: {pattern: "AKIA[0-9A-Z]{16}", fields: [args], max_match: 20}
    - regex: "(?i)guaranteed returns"

The syntax is RE2's: no backreferences, no look-around, time linear in the text. Without `fields` it reads all that
leaves in this phase: the request, the tool's arguments, or the result. `max_match` promises how many characters
a match has at most: an answer may then be streamed, late by that many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from ..facts import Facts
from .base import FIELDS, Compiled, Fault, Hit

if TYPE_CHECKING:
    from re2 import _Regexp  # type: ignore[import-untyped]

SCHEMA: Final[Mapping[str, Any]] = {
    "description": "A pattern (RE2) that must not be found.",
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "pattern": {"type": "string", "minLength": 1, "maxLength": 10_000},
        "fields": FIELDS,
        "max_match": {"type": "integer", "minimum": 1, "maximum": 100_000},
    },
    "required": ["pattern"],
    "additionalProperties": False,
}


_SHORT: Final = 256
"""The bytes up to which what was found in a text is remembered."""
_WHOLE: Final[Mapping[str, tuple[str, ...]]] = {"pre": ("request",), "tool": ("args",), "post": ("result",)}


class Fields:
    """The fields a check reads in each phase: the named ones that exist there, or all that leaves."""

    __slots__ = ("_named",)

    def __init__(self, fields: Iterable[str] | None) -> None:
        self._named = None if fields is None else tuple(fields)

    def applies(self, phase: str, kind: str) -> bool:
        return bool(self.of(phase, kind))

    def of(self, phase: str, kind: str) -> tuple[str, ...]:
        if self._named is None:
            return _WHOLE[phase] if kind != "sleep" else ()
        return tuple(field for field in self._named if (field.split(".")[0] == "result") == (phase == "post"))


class _Regex:
    def __init__(self, pattern: str, fields: Fields, max_match: int | None) -> None:
        self.pattern, self.fields, self.max_match = pattern, fields, max_match

    def applies(self, phase: str, kind: str) -> bool:
        return self.fields.applies(phase, kind)

    @cached_property
    def _search(self) -> Callable[[bytes | str], Any]:
        search: Callable[[bytes | str], Any] = program(self.pattern).search
        return search

    @cached_property
    def _joinable(self) -> bool:
        """Whether a match in one text is also one in all texts joined by newlines: no anchors to the ends."""
        pattern = self.pattern.replace("[^", "")
        return not any(anchor in pattern for anchor in ("^", "$", "\\A", "\\z", "\\Z", "\\C"))

    def _is_in(self, text: bytes) -> bool:
        return _is_in_short(self.pattern, text) if len(text) <= _SHORT else self._search(text) is not None

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return True

    def __call__(self, facts: Facts) -> Hit | None:
        search = self._search
        for field in self.fields.of(facts.action.phase, facts.action.kind):
            if self._joinable and not self._is_in(facts.joined(field)):
                continue
            for path, text in facts.texts(field):
                found = search(text.encode("utf-8", "replace").decode())
                if found is not None:
                    # The match itself may be a secret and stays out of the journal. The pattern stays out of the
                    # reason: a model that is to answer again gets it, and the same check would find itself there.
                    where = {"field": path, "start": found.start(), "end": found.end()}
                    return Hit(f"`{path}` has it at characters {found.start()} to {found.end()}", where)
        return None


@lru_cache(maxsize=512)
def _is_in_short(pattern: str, text: bytes) -> bool:
    """Whether a pattern is found in a short text. Such texts recur: the names of a tool's fields, an id, "done".

    RE2 lets go of the interpreter's lock for every search. In a worker with ten busy threads, getting the lock back
    takes a hundred times as long as the search of a short text.
    """
    return program(pattern).search(text) is not None


@lru_cache(maxsize=1024)
def program(pattern: str) -> _Regexp:
    """A compiled RE2 pattern; raises `re2.error`."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return re2.compile(pattern, options)


def compile(argument: Any, *, hard: bool) -> Compiled:
    if isinstance(argument, str):
        return _Regex(argument, Fields(None), None)
    return _Regex(argument["pattern"], Fields(argument.get("fields")), argument.get("max_match"))


def faults(argument: Any) -> Iterable[Fault]:
    import re2

    text = argument if isinstance(argument, str) else argument["pattern"]
    place: tuple[str, ...] = () if isinstance(argument, str) else ("pattern",)
    try:
        program(text)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        yield Fault(place, f"the pattern is not RE2: {reason}", "RE2 has no backreferences and no look-around")
