"""What a hybrid memory is made of, in Python or as a URL."""

from __future__ import annotations

import re
from math import isfinite
from urllib.parse import parse_qsl

import msgspec
from lev_os.core.errors import LevError

from ...types import MEMORY_TYPES, MemoryType

PREFIX = "hybrid:"
EXAMPLE = "hybrid:sqlite:///memory.db|postgresql://host/database#types=semantic&deadline=0.5"
_SECRET = re.compile(r"//[^/@]*@")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A memory beside the primary one. It gets records of some `types` (empty for all), and is asked for those.

    A search waits `deadline` seconds for it. When it is late or fails, it is left alone for `retry` seconds.
    """

    url: str
    types: tuple[MemoryType, ...] = ()
    deadline: float = 1.0
    retry: float = 30.0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.types if kind not in MEMORY_TYPES]
        if unknown:
            raise LevError(f"there is no type {unknown[0]!r}", help=f"types are {', '.join(MEMORY_TYPES)}")
        for name in ("deadline", "retry"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not isfinite(value) or value <= 0:
                raise LevError(f"`{name}` must be a number of seconds above 0, not {value!r}")

    @property
    def name(self) -> str:
        """Its URL without user and password: how it is called in receipts, and in the outbox."""
        return _SECRET.sub("//", self.url)


class Hybrid(msgspec.Struct, frozen=True, kw_only=True):
    """A memory kept in several: everything in the primary one, and copies in its members.

    Hybrid(primary="sqlite:///memory.db", members=(Member(url="postgresql://host/database", deadline=0.5),))
    """

    primary: str
    members: tuple[Member, ...] = ()


def parse(url: str) -> Hybrid:
    """What `hybrid:PRIMARY|MEMBER#types=semantic,working&deadline=0.5&retry=30|…` names. Raises `LevError`."""
    primary, *others = url.removeprefix(PREFIX).split("|")
    if not primary or not all(others):
        raise LevError(f"{url!r} names a memory without an address", help=f"write {EXAMPLE}")
    return Hybrid(primary=primary, members=tuple(_member(other, url) for other in others))


def _member(text: str, url: str) -> Member:
    address, _, options = text.partition("#")
    given = dict(parse_qsl(options, keep_blank_values=True))
    try:
        types = tuple(given.pop("types").split(",")) if "types" in given else ()
        numbers = {name: float(given.pop(name)) for name in ("deadline", "retry") if name in given}
        if not given:
            return Member(url=address, types=types, **numbers)  # type: ignore[arg-type]  # `Member` checks the types
        wrong = f"there is no option {next(iter(given))!r}"
    except ValueError:
        wrong = "its seconds are no number"
    raise LevError(f"{_SECRET.sub('//', url)}: {wrong}", help=f"write {EXAMPLE}")
