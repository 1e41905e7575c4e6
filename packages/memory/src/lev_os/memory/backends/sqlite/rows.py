"""From the rows of the tables to records and changes, and the parts of statements that name a scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...instants import instant
from ...lifecycle import hash_of, record_of
from ...types import MEMORY_TYPES, Change, Filter, Record, Scope
from . import schema

STATE = "r.row, r.space, r.doc, r.id, r.version, r.recorded, r.ends, r.retracted, r.superseded_by, r.content"
"""What `record` takes, of a table called `r`."""


def to_record(row: Any) -> Record:
    """The record of a row of `STATE`."""
    *_, id, version, recorded, ends, retracted, superseded_by, content = row
    return record_of(
        content,
        id=id,
        hash=hash_of(content),
        recorded_at=instant(recorded),
        valid_to=None if ends is None else instant(ends),
        expired_at=None if retracted is None else instant(retracted),
        superseded_by=superseded_by,
        version=version,
    )


def with_embedder(record: Record, embedder: str | None) -> Record:
    """The record, which nobody else holds yet, with the embedder it is searched with."""
    if embedder is not None:
        msgspec.structs.force_setattr(record, "embedder", embedder)
    return record


def to_change(row: Any, scope: Scope) -> Change:
    """The change of a row of `log` and the content of its record, if that is still there."""
    cursor, op, _, id, at, superseded_by, ends, reason, content = row
    record = record_of(content) if op == 0 and content is not None else None
    return Change(
        op=schema.OPERATIONS[op],  # type: ignore[arg-type]  # the tuple holds the literals
        id=id,
        scope=scope if record is None else msgspec.structs.replace(scope, session=record.session),
        at=instant(at),
        record=record,
        by=superseded_by,
        valid_to=None if ends is None else instant(ends),
        reason=reason,
        cursor=cursor,
    )


def within(table: str = "r") -> str:
    """The test for the table's space being one of some; its value is `packed` of them."""
    return f"{table}.space IN (SELECT value FROM json_each(?))"


def packed(spaces: Sequence[int]) -> str:
    """Spaces as one value of a statement: there may be more of them than a statement takes values."""
    return f"[{','.join(map(str, spaces))}]"


def passing(where: Filter) -> tuple[str, str, tuple[Any, ...]]:
    """The index that a filter is best served by, its tests on `r` to be put behind others, and their values."""
    tests: list[str] = []
    values: list[Any] = []
    for column in ("session", "subject", "predicate", "role"):
        if (value := getattr(where, column)) is not None:
            tests.append(f" AND r.{column} = ?")
            values.append(value)
    if where.pinned is not None:
        tests.append(f" AND r.pinned = {int(where.pinned)}")  # literal, as its partial index wants
    if where.types:
        tests.append(f" AND r.type IN ({','.join(str(MEMORY_TYPES.index(kind)) for kind in where.types)})")
    if where.min_trust > 0:
        tests.append(" AND r.trust >= ?")
        values.append(where.min_trust)
    if not where.retired:
        tests.append(" AND r.retracted IS NULL")
    index = "record_pinned" if where.pinned else "record_fact" if where.subject is not None else "record_space"
    return index, "".join(tests), tuple(values)


def in_session(scope: Scope) -> str:
    """The test for the record `r` being in the scope's session, to be put behind others."""
    return "" if scope.session is None else " AND r.session = ?"


def session_value(scope: Scope) -> tuple[str, ...]:
    """The values of `in_session`."""
    return () if scope.session is None else (scope.session,)
