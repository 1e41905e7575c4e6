"""What a search asks of the store that it is made for.

The methods are async, so that a server can be asked. A store that answers at once never suspends, and its searches are
run by `finished`, without a loop.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

FIELDS = (
    "row, doc, type, session, speaker, question, trust, terms, begins, ends, retracted, forgotten, sequence, recorded"
)
"""What `Source.fields` answers, in this order. Times are microseconds; `type` counts in `MEMORY_TYPES`."""


class Source(Protocol):
    """The records of spaces, by number; a space numbers its docs from 0 and never uses a number again."""

    exact: int
    """Up to so many docs, every record that passes the gates is ranked; above it, the most promising."""

    async def state(self, space: int) -> tuple[int | None, int, int]:
        """The last cursor of the space's log, its docs, and how many of them have postings."""
        ...

    async def changed(self, space: int, after: int, below: int) -> Sequence[int]:
        """The docs under `below` that the log names after a cursor, puts aside."""
        ...

    async def fields(self, space: int, start: int, end: int) -> Sequence[Sequence[Any]]:
        """`FIELDS` of the docs from `start` up to `end` that are there, ascending."""
        ...

    async def contents(self, space: int, start: int) -> Sequence[tuple[int, bytes]]:
        """The contents of docs from `start` on, ascending."""
        ...

    async def session(self, space: int, session: str, below: int) -> Sequence[tuple[int, int | None]]:
        """The docs of a session in its order, and their sequence numbers."""
        ...

    async def holding(self, space: int, below: int, fields: Mapping[str, Any]) -> Sequence[int]:
        """The docs whose `subject`, `predicate`, `role` and `pinned` are these."""
        ...

    async def later(self, space: int, known: int) -> tuple[Sequence[int], Sequence[tuple[int, bool, int | None]]]:
        """The docs recorded after a time, and those changed after it: whether retracted at it, and their end then."""
        ...

    async def postings(self, space: int, terms: Sequence[str]) -> Mapping[str, bytes]:
        """The postings of the terms that have any."""
        ...

    async def holders(self, space: int, terms: Sequence[str]) -> Mapping[str, int]:
        """About how many docs hold each term."""
        ...


class Meanings(Protocol):
    """The vectors of a space, by doc."""

    async def every(self, query: Any, docs: int) -> Any | None:
        """The cosine of each doc, 0 where there is no vector; None when there are none, or too many to compare."""
        ...

    async def nearest(self, query: Any, allowed: Any) -> Any:
        """Docs near to a query, ascending or not, of those allowed (a mask over the docs)."""
        ...

    async def some(self, query: Any, docs: Any, surely: Any) -> Any:
        """The cosines of ascending docs, 0 where there is no vector; exact where the mask `surely` says so."""
        ...


def finished(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise RuntimeError("this coroutine waits for something")


def state_at(end: int | None, changes: Sequence[tuple[int, int | None]]) -> tuple[bool, int | None]:
    """Whether a record is retracted, and its end, after changes: their operation's number, and the end that it sets.

    `end` is the one that the record was put with.
    """
    retracted, ends = False, end
    for op, after in changes:
        if op == 1:
            ends = after
        elif op == 2:
            retracted = True
        elif op == 3:
            retracted, ends = False, end
    return retracted, ends
