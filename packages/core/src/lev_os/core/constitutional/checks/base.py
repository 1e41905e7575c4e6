"""What every kind of check shares: what it answers, where it applies, and how it selects tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, NamedTuple, Protocol

from ...tools import TOOL_EFFECTS
from ..facts import UNDECLARED, Facts


class Hit(NamedTuple):
    """A violation: what is wrong, where it was seen (JSON), and the way out."""

    message: str
    evidence: Any = None
    help: str | None = None


class Fault(NamedTuple):
    """Something a check's schema cannot say is wrong: its place within the argument, what, and the way out."""

    path: tuple[str | int, ...]
    message: str
    help: str | None = None


class Compiled(Protocol):
    """A check that is ready to run. Calling it may raise anything: the gate then denies."""

    def applies(self, phase: str, kind: str) -> bool:
        """Whether the check can object to such an action at all."""

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        """Whether it can object to, or has to watch, what a tool with these effects and names does."""

    def __call__(self, facts: Facts) -> Hit | None:
        """The violation, or None."""


class Watching(Compiled, Protocol):
    """A check that depends on what left before."""

    def observe(self, facts: Facts) -> None:
        """An action was let out; remember what matters in `facts.history.states[self]`."""


class Kind(Protocol):
    """A module of this package."""

    SCHEMA: Mapping[str, Any]

    def compile(self, argument: Any, *, hard: bool) -> Compiled:
        """Make the check ready; whatever is expensive waits for the first use."""

    def faults(self, argument: Any) -> Iterable[Fault]:
        """What is wrong with an argument that fits the schema."""


NAMES: Final[Mapping[str, Any]] = {
    "type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True,
}  # fmt: skip
EFFECTS: Final[Mapping[str, Any]] = {
    "type": "array", "items": {"enum": [*sorted(TOOL_EFFECTS), UNDECLARED]}, "minItems": 1, "uniqueItems": True,
}  # fmt: skip
FIELDS: Final[Mapping[str, Any]] = {
    "type": "array", "minItems": 1,
    "items": {"type": "string", "pattern": r"^(request|result|args|about|instruction)(\.[^.]+)*$"},
    "description": "Dotted paths from request, result, args, about or instruction; every string at or below counts.",
}  # fmt: skip
SELECTOR: Final[Mapping[str, Any]] = {
    "tools": {**NAMES, "description": "Globs of tool specifiers or names; absent: all."},
    "effects": {**EFFECTS, "description": "Tools with any of these effects; absent: all."},
}


class Selector:
    """Which tool calls a check is about: by globs and by effects, each absent or met."""

    __slots__ = ("effects", "globs", "hard")

    def __init__(self, globs: Sequence[str] | None, effects: Iterable[str] | None, *, hard: bool) -> None:
        self.globs = None if globs is None else Globs(globs)
        self.effects = None if effects is None else frozenset(effects)
        self.hard = hard

    def __call__(self, facts: Facts) -> bool:
        return facts.action.kind == "tool" and self.of(facts.effects, facts.names)

    def of(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        """Whether a tool with these effects and names is selected."""
        if self.globs is not None and not self.globs(names):
            return False
        return self.effects is None or bool(worst_case(effects, self.effects, hard=self.hard))


def worst_case(present: frozenset[str], wanted: frozenset[str], *, hard: bool) -> frozenset[str]:
    """What of `wanted` is present; for a `hard` principle, something undeclared counts as any of it."""
    found = present & wanted
    return found | (present & {UNDECLARED}) if hard else found


class Globs:
    """Globs of tool names; case matters, `*` crosses slashes."""

    __slots__ = ("_exact", "_patterns")

    def __init__(self, globs: Iterable[str]) -> None:
        every = tuple(globs)
        self._exact = frozenset(glob for glob in every if not _WILD.intersection(glob))
        self._patterns = tuple(re.compile(translate(glob)).match for glob in every if glob not in self._exact)

    def __call__(self, names: frozenset[str]) -> bool:
        if not self._exact.isdisjoint(names):
            return True
        return any(match(name) is not None for match in self._patterns for name in names)


_WILD: Final = frozenset("*?[")


def listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
