"""What is to be tidied (`Policy`), and what was (`Consolidation`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal

import msgspec
from lev_os.core.errors import LevError

from ..types import MemoryType, Record

Extract = Callable[[Sequence[Record]], Awaitable[Sequence[Record]]]
"""Facts from episodes, by a model: semantic records, each with the ids of its episodes as `sources`."""

_HALF_LIVES: Mapping[MemoryType, timedelta] = {"working": timedelta(days=1)}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a consolidation does. Each part can be turned off.

    `extract`: facts from what people say about themselves, by rules in English. `contradictions`: of several current
    values of a fact the latest stays. `duplicates`: of facts and procedures that share more than this part of their
    words, one stays; None for no such search. `half_lives`: how fast a type's importance halves; below `faded` a record
    is retracted, unless it is pinned.
    """

    extract: bool = True
    contradictions: bool = True
    duplicates: float | None = 0.9
    half_lives: Mapping[MemoryType, timedelta] = msgspec.field(default_factory=lambda: dict(_HALF_LIVES))
    faded: float = 0.05

    def __post_init__(self) -> None:
        if any(half_life <= timedelta(0) for half_life in self.half_lives.values()):
            raise LevError("a half-life must be longer than nothing", help="leave the type out to keep its records")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    `extract` puts `record`, in the place of `id` if that is given; `supersede` ends `id` for `by`, which is there
    already; `duplicate` retracts `id`, which `by` says too; `fade` retracts `id`. `contested` does nothing: a later
    value of the fact `id`, `by` or `record`, is trusted less.
    """

    kind: Literal["extract", "supersede", "duplicate", "fade", "contested"]
    id: str | None = None
    by: str | None = None
    record: Record | None = None
    reason: str


class Consolidation(msgspec.Struct, frozen=True):
    """The plan, and whether it was carried out."""

    actions: tuple[Action, ...]
    applied: bool
