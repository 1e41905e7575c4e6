"""One figure, its limit, what it was, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["context", "bundle", "wheel-kb", "twin-kb", "import-ms"]
UNITS = {"context": "tokens", "bundle": "tokens", "wheel-kb": "kB", "twin-kb": "kB", "import-ms": "CPU ms"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a figure, in its unit: a heading of a context, a file of a wheel, a module that is imported."""

    name: str
    value: float


def _nothing() -> tuple[Part, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a package. `before` is what it was at a base, None where there was none; `note` says what is odd.

    `parts` finds what it is made of, the biggest first.
    """

    kind: Kind
    name: str
    value: float
    limit: int | None = None
    before: float | None = None
    note: str = ""
    parts: Callable[[], tuple[Part, ...]] = _nothing

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
        }
        return shown | ({"parts": [{"name": part.name, "value": part.value} for part in self.parts()]} if why else {})
