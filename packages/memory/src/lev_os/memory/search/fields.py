"""What a store keeps of a record beside its content, so that it can be found and filtered."""

from __future__ import annotations

from typing import Any

from ..instants import micros
from ..lifecycle import record_of
from ..types import MEMORY_TYPES, Record
from . import speakers, words

COLUMNS = (
    "space", "doc", "id", "hash", "live", "version", "type", "session", "sequence", "role", "speaker", "subject",
    "predicate", "pinned", "trust", "question", "terms", "recorded", "begins", "ends", "retracted", "forgotten",
    "superseded_by", "content",
)  # fmt: skip
"""The names of `columns_of`; flags are 0 or 1. `live` is 1 for the record that `put` finds by its hash, 2 for its twin,
0 for one that is retracted or superseded; `begins` and `ends` are when it is true, `forgotten` when its `ttl` ends."""
NULLABLE = frozenset({
    "session", "sequence", "role", "speaker", "subject", "predicate", "ends", "retracted", "forgotten",
    "superseded_by",
})  # fmt: skip
"""The columns that may be without a value."""
_NUMBERS = {name: number for number, name in enumerate(MEMORY_TYPES)}
PLAN = _NUMBERS["prospective"]
"""The number of the type whose `begins` is what is planned for, and no beginning."""


def columns_of(
    record: Record, id: str, space: int, doc: int, digest: Any, live: int, speaker: str | None, terms: int, at: int,
    content: Any, none: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The columns of a record that is put at a time (microseconds, as all times); `none` stands where there is none."""
    return (
        space, doc, id, digest, live, 1, _NUMBERS[record.type],
        none if record.session is None else record.session,
        none if record.sequence is None else record.sequence,
        none if record.role is None else record.role,
        none if speaker is None else speaker,
        none if record.subject is None else record.subject,
        none if record.predicate is None else record.predicate,
        1 if record.pinned else 0, record.trust, 1 if speakers.asks(record) else 0, terms, at,
        at if record.valid_from is None else micros(record.valid_from),
        none if record.valid_to is None else micros(record.valid_to),
        none, none if record.ttl is None else at + round(record.ttl * 1_000_000), none, content,
    )  # fmt: skip


def terms_of(content: bytes) -> list[str]:
    """The terms by which a record is found, with repetitions."""
    record = record_of(content)
    return words.terms(speakers.indexed_text(record, speakers.speaker_of(record)))
