"""A constitution: versioned values with machine checks, judged checks and fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .. import canonical
from .data import PinnedConstitution, principle_data
from .model import Mode, Principle

if TYPE_CHECKING:
    from ..packaging import Package
    from .sources import Resolve

BASELINE: Final = "lev_os.core/constitution/baseline"
"""The specifier of the constitution that holds when a package has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Constitution:
    """Principles in force, inherited ones included; equal when they say the same. `text` is the file's own."""

    name: str
    specifier: str
    principles: tuple[Principle, ...]
    mode: Mode
    digest: str
    text: str = ""

    @classmethod
    def of(
        cls,
        principles: tuple[Principle, ...],
        *,
        name: str,
        specifier: str = "",
        mode: Mode = "enforce",
        text: str = "",
    ) -> Constitution:
        """A constitution of these principles, with its digest."""
        data = {"name": name, "mode": mode, "principles": [principle_data(principle) for principle in principles]}
        return cls(name, specifier or name, principles, mode, canonical.digest(data), text)

    @classmethod
    def parse(
        cls,
        text: str | bytes,
        *,
        package: Package | None = None,
        path: str | None = None,
        specifier: str | None = None,
        resolve: Resolve | None = None,
    ) -> Constitution:
        """Read `constitution.yaml`. Raises `InvalidInput` with every problem, each at its line and column.

        `extends` is looked up from `package`, or by `resolve`. What is inherited may only be tightened.
        """
        from .parse import parse

        return parse(text, package=package, path=path, specifier=specifier, resolve=resolve)

    @classmethod
    def baseline(cls) -> Constitution:
        """The constitution that ships with core."""
        return _baseline()

    def pinned(self) -> dict[str, Any]:
        """All of it as JSON, for a journal; nothing is looked up again when it is read back."""
        return {
            "name": self.name,
            "specifier": self.specifier,
            "mode": self.mode,
            "text": self.text,
            "principles": [principle_data(principle) for principle in self.principles],
        }

    @classmethod
    def from_pinned(cls, data: Mapping[str, Any]) -> Constitution:
        """The constitution that `pinned` wrote; the digest is computed anew. Raises `msgspec.ValidationError`."""
        read = msgspec.convert(data, PinnedConstitution)
        return cls.of(read.principles, name=read.name, specifier=read.specifier, mode=read.mode, text=read.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constitution) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@lru_cache(maxsize=1)
def _baseline() -> Constitution:
    from .baseline import load

    return load()
