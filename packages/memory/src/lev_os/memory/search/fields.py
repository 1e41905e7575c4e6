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
"""The names of `columns_of`. `live` is 1 for the record that `put` finds by its hash, 2 for its twin, 0 for one that
is retracted or superseded; `begins` and `ends` are when it is true, `forgotten` when its `ttl` ends."""


PLAN = MEMORY_TYPES.index("prospective")
"""The number of the type whose `begins` is what is planned for, and no beginning."""


def columns_of(
    record: Record, id: str, space: int, doc: int, digest: bytes, live: int, speaker: str | None, terms: int, at: int,
    content: bytes,
) -> tuple[Any, ...]:  # fmt: skip
    """The columns of a record that is put at a time (microseconds, as all times)."""
    return (
        space, doc, id, digest, live, 1, MEMORY_TYPES.index(record.type), record.session,
        record.sequence, record.role, speaker, record.subject, record.predicate, record.pinned, record.trust,
        speakers.asks(record), terms, at,
        at if record.valid_from is None else micros(record.valid_from),
        None if record.valid_to is None else micros(record.valid_to),
        None, None if record.ttl is None else at + round(record.ttl * 1_000_000), None, content,
    )  # fmt: skip


def terms_of(content: bytes) -> list[str]:
    """The terms by which a record is found, with repetitions."""
    record = record_of(content)
    return words.terms(speakers.indexed_text(record, speakers.speaker_of(record)))
