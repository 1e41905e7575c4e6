"""One figure, its limit, what it was, what it is made of, and which of that is not as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["context", "bundle", "wheel-kb", "twin-kb", "import-ms"]
UNITS = {"context": "tokens", "bundle": "tokens", "wheel-kb": "kB", "twin-kb": "kB", "import-ms": "CPU ms"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a figure, in its unit: a heading of a context, a file of a wheel, a module that is imported.

    `digest` is that of its bytes, where they are compared with a base.
    """

    name: str
    value: float
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A part that is not as it was at the base, also where the figure is."""

    name: str
    what: Literal["new", "changed", "moved", "gone"]


def changes_of(before: Sequence[Part], now: Sequence[Part]) -> tuple[Change, ...]:
    """What became of the parts, each in its order; what has the same name and other bytes has changed."""
    were, are = ([(part.name, part.digest) for part in parts] for parts in (before, now))
    lost, added = Counter(were) - Counter(are), Counter(are) - Counter(were)
    old, new = {name for name, _ in lost}, {name for name, _ in added}
    found = [Change(name, "changed" if name in old else "new") for name in _names(are, added)]
    found += [Change(name, "moved") for name in _moved(_without(were, lost), _without(are, added)) if name not in new]
    found += [Change(name, "gone") for name in _names(were, lost) if name not in new]
    return tuple(found)


_Known = tuple[str, str]


def _names(parts: Sequence[_Known], of: Counter[_Known]) -> Iterator[str]:
    yield from dict.fromkeys(name for name, digest in parts if of[name, digest])


def _without(parts: Sequence[_Known], some: Counter[_Known]) -> list[_Known]:
    """The parts without so many of each, the last ones first."""
    left, kept = Counter(some), []
    for part in reversed(parts):
        if left[part] > 0:
            left[part] -= 1
        else:
            kept.append(part)
    return kept[::-1]


def _moved(before: list[_Known], now: list[_Known]) -> Iterator[str]:
    """The one part that has another place among the rest, or all between the first and the last that are not alike."""
    differing = [place for place, pair in enumerate(zip(before, now, strict=True)) if pair[0] != pair[1]]
    if not differing:
        return
    first, last = differing[0], differing[-1] + 1
    some, then = before[first:last], now[first:last]
    if some[1:] + some[:1] == then:
        then = some[:1]
    elif some[-1:] + some[:-1] == then:
        then = some[-1:]
    yield from dict.fromkeys(name for name, _ in then)


def _nothing() -> tuple[Part, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a package. `before` is what it was at a base, None where there was none; `note` says what is odd.

    `pieces` finds what it is made of, in order; `digest` is that of all of it; `changes` are those since the base.
    """

    kind: Kind
    name: str
    value: float
    limit: int | None = None
    before: float | None = None
    note: str = ""
    pieces: Callable[[], tuple[Part, ...]] = _nothing
    digest: str = ""
    changes: tuple[Change, ...] = ()

    def parts(self) -> tuple[Part, ...]:
        """What it is made of, the biggest first."""
        return tuple(sorted(self.pieces(), key=lambda part: (-part.value, part.name)))

    def since(self, before: Measure | None) -> Measure:
        """The figure beside what it was."""
        if before is None:
            return self
        changes = () if before.digest == self.digest else changes_of(before.pieces(), self.pieces())
        return replace(self, before=before.value, changes=changes)

    @property
    def above(self) -> bool:
        """Whether it is more than its limit."""
        return self.limit is not None and self.value > self.limit

    @property
    def fails(self) -> bool:
        """Whether that is an error: how long importing takes depends on the machine, so it only warns."""
        return self.above and self.kind != "import-ms"

    def as_json(self, *, why: bool) -> dict[str, Any]:
        """The figure as JSON, with its parts if they are asked for."""
        shown: dict[str, Any] = {
            "kind": self.kind,
            "name": self.name,
            "value": self.value,
            "unit": UNITS[self.kind],
            "limit": self.limit,
            "before": self.before,
            "above": self.above,
            "note": self.note,
            "changes": [{"name": change.name, "what": change.what} for change in self.changes],
        }
        return shown | ({"parts": [{"name": part.name, "value": part.value} for part in self.parts()]} if why else {})
