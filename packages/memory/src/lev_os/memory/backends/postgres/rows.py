"""From names and records to what the tables hold, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from ...instants import instant
from ...lifecycle import hash_of, record_of
from ...types import MEMORY_TYPES, Change, Filter, Operation, Record, Scope

OPERATIONS: tuple[Operation, ...] = ("put", "supersede", "retract", "restore", "erase")
STATE = "r.row, r.space, r.doc, r.id, r.version, r.recorded, r.ends, r.retracted, r.superseded_by, r.content"
"""What `to_record` takes, of a table called `r`."""
ENTRY = "l.cursor, l.op, l.space, l.id, l.at, l.superseded_by, l.ends, l.reason"
"""What `to_change` takes, of a table called `l`; a content follows."""

_ESCAPED = str.maketrans({"\\": "\\\\", "\0": "\\0"})

N = TypeVar("N", str, str | None)


def stored(text: N) -> N:
    """A text as PostgreSQL can hold it: without NUL."""
    return text.translate(_ESCAPED) if text and ("\0" in text or "\\" in text) else text


def shown(text: N) -> N:
    """What `stored` was given."""
    if not text or "\\" not in text:
        return text
    return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))


def tenant_of(scope: Scope) -> UUID:
    """What stands for a tenant's name in every row."""
    return UUID(bytes=hashlib.sha256(scope.tenant.encode()).digest()[:16])


def key_of(scope: Scope) -> bytes:
    """What stands for the space of a scope."""
    names = (scope.tenant, scope.user, scope.agent, scope.project)
    return hashlib.sha256(msgspec.json.encode(names)).digest()


def to_scope(row: Any) -> Scope:
    """The scope of a space: its tenant, user, agent and project."""
    tenant, user, agent, project = row
    return Scope(tenant=shown(tenant), user=shown(user), agent=shown(agent), project=shown(project))


def to_record(row: Any, embedder: str | None = None) -> Record:
    """The record of a row of `STATE`."""
    _, _, _, id, version, recorded, ends, retracted, superseded_by, content = row
    return record_of(
        content,
        id=shown(id),
        hash=hash_of(content),
        recorded_at=instant(recorded),
        valid_to=None if ends is None else instant(ends),
        expired_at=None if retracted is None else instant(retracted),
        superseded_by=shown(superseded_by),
        version=version,
        embedder=embedder,
    )


def to_change(row: Any, scope: Scope) -> Change:
    """The change of a row of `ENTRY` and the content of its record, if that is still there."""
    cursor, op, _, id, at, superseded_by, ends, reason, content = row
    record = record_of(content) if op == 0 and content is not None else None
    return Change(
        op=OPERATIONS[op],
        id=shown(id),
        scope=scope if record is None else msgspec.structs.replace(scope, session=record.session),
        at=instant(at),
        record=record,
        by=shown(superseded_by),
        valid_to=None if ends is None else instant(ends),
        reason=shown(reason),
        cursor=cursor,
    )


def in_session(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """The test for the record `r` being in the scope's session, to be put behind others, and its values."""
    return ("", ()) if scope.session is None else holding({"session": scope.session})


def holding(fields: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """Tests for fields of `r` having these values, to be put behind others, and their values.

    Text that is long cannot stand in an index, so its hash does. It is in a subquery because row-level security lets
    no function look at a row before it has.
    """
    tests: list[str] = []
    values: list[Any] = []
    for name, value in fields.items():
        if name in ("session", "subject"):
            tests.append(f" AND r.{name}_key = (SELECT hashtext(%s))")
            values.append(stored(value))
        if name == "pinned":
            tests.append(f" AND {'' if value else 'NOT '}r.pinned")
            continue
        tests.append(f" AND r.{name} = %s")
        values.append(stored(value))
    return "".join(tests), tuple(values)


def passing(where: Filter) -> tuple[str, tuple[Any, ...]]:
    """A filter's tests on `r`, to be put behind others, and their values."""
    names = ("session", "subject", "predicate", "role", "pinned")
    tests, values = holding({name: value for name in names if (value := getattr(where, name)) is not None})
    if where.types:
        tests += " AND r.type = ANY(%s)"
        values += ([MEMORY_TYPES.index(kind) for kind in where.types],)
    if where.min_trust > 0:
        tests += " AND r.trust >= %s"
        values += (where.min_trust,)
    return tests + ("" if where.retired else " AND r.retracted IS NULL"), values


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows turned on their side, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)]
