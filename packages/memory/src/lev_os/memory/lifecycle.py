"""What changes come to: a record's state after its log, and whether it is seen at a moment. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from lev_os.core import canonical

from .errors import Conflict, bad_data
from .types import Change, Filter, Moment, Record, Scope


class _Lineage(msgspec.Struct):
    sources: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(Record).decode
_lineage = msgspec.json.Decoder(_Lineage).decode
_AS_PUT = {
    "id": "",
    "hash": "",
    "recorded_at": None,
    "expired_at": None,
    "superseded_by": None,
    "version": 0,
    "embedder": None,
}


def content_of(record: Record) -> bytes:
    """The canonical bytes of a record's content: what is kept, and what its hash is of. Raises `InvalidInput`."""
    if record.id or record.hash or record.version or record.recorded_at or record.expired_at:
        record = msgspec.structs.replace(record, **_AS_PUT)
    try:
        content = canonical.encode(record)
        if record.data is None or msgspec.json.decode(content)["data"] == record.data:
            return content
    except (TypeError, ValueError, RecursionError, OverflowError, msgspec.MsgspecError):
        pass
    raise bad_data()


def digest_of(content: bytes) -> bytes:
    """The SHA-256 of a content."""
    return hashlib.sha256(content).digest()


def hash_of(content: bytes) -> str:
    """The hash of a content, as records show it."""
    return "sha256:" + digest_of(content).hex()


def record_of(content: bytes, **state: object) -> Record:
    """A record from its content and the fields that memory fills."""
    record = _decode(content)
    for name, value in state.items():
        msgspec.structs.force_setattr(record, name, value)
    return record


SOURCES = b'"sources":['
"""What is in every content that names sources, so that others need not be looked at."""


def comes_from(content: bytes, scope: Scope, gone: Mapping[str, Sequence[Scope]]) -> bool:
    """Whether a content names one of these records, by id and scopes, among its sources.

    An id may be there several times in a tenant, so a record of another user, agent or project is not meant.
    """
    return any(_may_mean(scope, own) for source in _lineage(content).sources for own in gone.get(source, ()))


def _may_mean(one: Scope, other: Scope) -> bool:
    pairs = ((one.user, other.user), (one.agent, other.agent), (one.project, other.project))
    return all(a is None or b is None or a == b for a, b in pairs)


def as_put(record: Record) -> Record:
    """The content alone, as it was given to `put`."""
    return msgspec.structs.replace(record, **_AS_PUT)


def changes_it(record: Record, change: Change) -> bool:
    """Whether a change still has something to do; raises `Conflict` when it does not fit the record's state."""
    if change.expects is not None and change.expects != record.version:
        raise Conflict(
            f"the record {record.id!r} was changed in the meantime: it is at version {record.version}, "
            f"not {change.expects}",
            help="read it again and decide anew",
        )
    if change.op == "restore":
        return record.expired_at is not None or record.superseded_by is not None
    if change.op == "supersede" and record.superseded_by is not None:
        help = "supersede that one, or `restore` this one first"
        raise Conflict(f"the record {record.id!r} was already superseded by {record.superseded_by!r}", help=help)
    if change.op == "supersede" and record.expired_at is not None:
        raise Conflict(f"the record {record.id!r} was retracted", help="`restore` it first, or `put` the new one")
    return record.expired_at is None


def circular(change: Change) -> Conflict:
    """A record would be superseded by one that it has superseded itself, so that none of them is current."""
    message = f"the record {change.by!r} was itself superseded by {change.id!r}, or by what that superseded"
    return Conflict(message, help="`restore` it first, if it is to be the current one")


def changed(record: Record, change: Change, original: Record) -> Record:
    """The record after `supersede`, `retract` or `restore`; `original` is its content as it was put."""
    state: dict[str, object]
    if change.op == "restore":
        state = {"expired_at": None, "superseded_by": None, "valid_to": original.valid_to}
    elif change.op == "retract":
        state = {"expired_at": change.at}
    else:
        state = {"superseded_by": change.by, "valid_to": change.valid_to}
    return record_of(content_of(record), **_state(record) | state | {"version": record.version + 1})


def fold(changes: Iterable[Change], known_at: datetime | None = None) -> Record | None:
    """The record that the log of one id comes to, as known at a time; None before its `put` and once it is erased."""
    record: Record | None = None
    original: Record | None = None
    for change in changes:
        if known_at is not None and change.at > known_at:
            break
        if change.op == "put" and change.record is not None:
            original = as_put(change.record)
            content = content_of(original)
            record = record_of(content, id=change.id, hash=hash_of(content), recorded_at=change.at, version=1)
        elif change.op == "erase":
            record = original = None
        elif record is not None and original is not None:
            record = changed(record, change, original)
    return record


def lacking(change: Change) -> str | None:
    """What a change that somebody else wrote lacks; None when it is whole."""
    if not change.id:
        return "id"
    needed = {"put": ("record",), "supersede": ("by", "valid_to")}.get(change.op, ())
    return next((name for name in needed if getattr(change, name) is None), None)


def is_visible(record: Record, moment: Moment) -> bool:
    """Whether a record holds at a moment; with `known_at` it must be the state that was known then."""
    known = moment.known_at or moment.now
    forgotten = record.forgotten_at
    if record.expired_at is not None or (forgotten is not None and forgotten <= known):
        return False
    at = moment.as_of or known
    return has_begun(record, moment) and (record.valid_to is None or record.valid_to > at)


def has_begun(record: Record, moment: Moment) -> bool:
    """Whether a record is true yet at a moment. A plan (`prospective`) stands from when it was recorded on.

    Without `as_of`, what was recorded without a later date has begun, even if another clock that is ahead recorded it.
    """
    plan, recorded = record.type == "prospective", record.recorded_at
    if moment.as_of is None:
        known = moment.known_at or moment.now
        return plan or record.valid_from is None or record.valid_from <= max(known, recorded or known)
    begins = record.begins
    return begins is None or begins <= moment.as_of or (plan and recorded is not None and recorded <= moment.as_of)


def matches(record: Record, where: Filter) -> bool:
    """Whether a record passes a filter, `retired` aside."""
    begins = record.begins
    return (
        (not where.types or record.type in where.types)
        and (where.session is None or record.session == where.session)
        and (where.subject is None or record.subject == where.subject)
        and (where.predicate is None or record.predicate == where.predicate)
        and (where.role is None or record.role == where.role)
        and (where.pinned is None or record.pinned == where.pinned)
        and record.trust >= where.min_trust
        and (where.since is None or (begins is not None and begins >= where.since))
        and (where.until is None or (begins is not None and begins < where.until))
    )


def _state(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in _AS_PUT}
