"""What an assembly is made by (`Plan`) and what comes out (`Assembly`, `Receipt`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from lev_os.core.errors import LevError

from ..types import Contribution, MemoryType, Scope

Reason = Literal["budget", "ceiling", "duplicate", "older value", "less trusted", "count"]
"""Why a record was left out: no room; its type had its share; a chosen record says nearly the same; its fact has a
newer value, or one that is trusted while this is not; there was room by estimate only."""


class Share(msgspec.Struct, frozen=True):
    """What part of the budget a type gets first (`floor`), and beyond which it must wait (`ceiling`); 0 to 1."""

    floor: float = 0.0
    ceiling: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= self.ceiling <= 1:
            help = "both lie between 0 and 1, and the floor is not above the ceiling"
            raise LevError(f"a share cannot have the floor {self.floor!r} and the ceiling {self.ceiling!r}", help=help)


_SHARES: Mapping[MemoryType, Share] = {
    "working": Share(0.15, 0.30),
    "semantic": Share(0.15, 0.40),
    "episodic": Share(0.30, 0.60),
    "procedural": Share(0.05, 0.20),
    "prospective": Share(0.05, 0.15),
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the budget is spent. Shares that nobody needs go to the others.

    `pinned` is the part that pinned records may take before all others. A record trusted less than `trusted` is quoted
    as data; one trusted less than `min_trust` is not looked at. One that shares more than `duplicate` of its words with
    a chosen one is left out. Of records that score alike, longer ones wait by the power `length` of their tokens.
    """

    shares: Mapping[MemoryType, Share] = msgspec.field(default_factory=lambda: dict(_SHARES))
    pinned: float = 0.5
    trusted: float = 0.5
    min_trust: float = 0.0
    duplicate: float = 0.85
    redundancy: float = 0.3
    length: float = 0.15

    def __post_init__(self) -> None:
        if sum(share.floor for share in self.shares.values()) > 1:
            raise LevError("the floors of a plan add up to more than the budget", help="lower some of them")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A record that is in. `tokens` are those of its own lines; `score` and `parts` are the search's."""

    id: str
    type: MemoryType
    section: str
    tokens: int
    why: Literal["pinned", "floor", "value", "spill-over"]
    score: float = 0.0
    parts: Mapping[str, float] = {}


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was considered and is not in. `instead` is the id of the record that is."""

    id: str
    type: MemoryType
    tokens: int
    reason: Reason
    score: float = 0.0
    instead: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What went into an assembly, and what did not. `spent` has the tokens of each type's records."""

    scope: Scope
    query: str
    now: datetime
    as_of: datetime | None
    budget: int
    tokens: int
    encoding: str
    spent: Mapping[MemoryType, int]
    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...]
    backends: tuple[Contribution, ...] = ()
    """Of a hybrid memory: what each backend contributed to the search for the question, or why it did not."""


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """The context: its text, its exact number of o200k tokens, and the receipt."""

    text: str
    tokens: int
    receipt: Receipt
