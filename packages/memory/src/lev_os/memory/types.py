"""The values of memory: who may see (`Scope`), what is kept (`Record`), what happened to it (`Change`), what was found.

A record's content never changes. What happens to it later (superseded, retracted, restored, erased) is a `Change` of
its own in an append-only log, and the record's other fields are what those changes come to. So memory is bi-temporal:
`as_of` asks what was true at a time, `known_at` what this memory held at a time, and any backend that keeps the log
can answer both. Times are UTC; a naive datetime is taken for UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from .errors import bad_number, bad_record, bad_scope, bad_time, no_records, no_scope

MemoryType = Literal["working", "episodic", "semantic", "procedural", "prospective"]
MEMORY_TYPES: tuple[MemoryType, ...] = get_args(MemoryType)
Operation = Literal["put", "supersede", "retract", "restore", "erase"]

_LONGEST_NAME = 512
_LONGEST_TTL = 1e11
"""Three thousand years: what was recorded now ends before dates do."""


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose memory is meant. A record is in a scope when every field that the scope sets has its value in the record.

    What is put into a scope gets its fields. So `Scope(tenant="t", user="ada")` sees and changes what was put for Ada,
    whatever the agent or the session; it sees nothing of other users, and nothing that was put without a user.
    Values are opaque text, compared exactly.
    """

    tenant: str
    user: str | None = None
    agent: str | None = None
    session: str | None = None
    project: str | None = None

    def __post_init__(self) -> None:
        for name in SCOPE_FIELDS:
            value = getattr(self, name)
            if value is None and name != "tenant":
                continue
            if not isinstance(value, str) or not value or len(value) > _LONGEST_NAME or not is_text(value):
                raise bad_scope(name, value, _LONGEST_NAME)


SCOPE_FIELDS = ("tenant", "user", "agent", "session", "project")


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing remembered. The fields up to `sequence` are its content; memory fills the rest and ignores it in `put`.

    `data` is any JSON. `subject` and `predicate` are a fact's key: one current value at a time. `valid_from` and
    `valid_to` say when it is true (from the moment of recording, when not given; the end is exclusive); before that it
    is not found, unless it is `prospective`: then `valid_from` is the day that is planned for. `sources` are
    ids of records or anything else that names where it comes from. `trust`, `confidence` and `importance` lie between
    0 and 1; `trust` is lowered to the least of the records among the sources. After `ttl` seconds it is no longer
    found. `role` says who speaks (`user`, `assistant`, or a name); `sequence` orders a session.

    Raises `InvalidInput` (MEM1xx) for values that cannot be kept.
    """

    type: MemoryType = "episodic"
    text: str
    data: Any = None
    subject: str | None = None
    predicate: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    sources: tuple[str, ...] = ()
    trust: float = 1.0
    confidence: float = 1.0
    importance: float = 0.5
    pinned: bool = False
    ttl: float | None = None
    role: str | None = None
    session: str | None = None
    sequence: int | None = None

    id: str = ""
    hash: str = ""
    """`sha256:` and the digest of the content: what makes `put` idempotent."""
    recorded_at: datetime | None = None
    expired_at: datetime | None = None
    """When it was retracted."""
    superseded_by: str | None = None
    version: int = 0
    """The number of changes made to it, its `put` included."""
    embedder: str | None = None
    """The embedder whose vector it is searched with."""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise bad_record(problem)
        for name in ("valid_from", "valid_to", "recorded_at", "expired_at"):
            value = getattr(self, name)
            if value is not None and (at := utc(value)) is not value:
                msgspec.structs.force_setattr(self, name, at)
        for name in ("trust", "confidence", "importance", "ttl"):
            value = getattr(self, name)
            if value is not None and type(value) is not float:  # 1 and 1.0 are one value, with one hash
                msgspec.structs.force_setattr(self, name, float(value))
        if self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from:
            raise bad_record("`valid_to` lies before `valid_from`")
        if type(self.sources) is not tuple:
            msgspec.structs.force_setattr(self, "sources", tuple(self.sources))

    @property
    def begins(self) -> datetime | None:
        """From when it is true: `valid_from`, else when it was recorded."""
        return self.valid_from or self.recorded_at

    @property
    def forgotten_at(self) -> datetime | None:
        """When its `ttl` ends, or None."""
        if self.ttl is None or self.recorded_at is None:
            return None
        return self.recorded_at + timedelta(seconds=self.ttl)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When a question is asked, and about when. Without `as_of` and `known_at`: what holds now, as known now."""

    now: datetime
    as_of: datetime | None = None
    known_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("now", "as_of", "known_at"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, utc(value))


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are meant; every field that is set must hold. Empty `types` stands for all.

    `since` and `until` bound when a record begins (`until` is exclusive). `retired` also lets records through that are
    retracted, no longer or not yet true, or past their `ttl`.
    """

    types: tuple[MemoryType, ...] = ()
    session: str | None = None
    subject: str | None = None
    predicate: str | None = None
    role: str | None = None
    pinned: bool | None = None
    min_trust: float = 0.0
    since: datetime | None = None
    until: datetime | None = None
    retired: bool = False

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, utc(value))


ANY = Filter()
"""Every record that holds."""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the log. `at` never goes backwards within a store.

    `record` comes with `put`, `by` (the new record) and `valid_to` with `supersede`. `expects` is the version of the
    record that the change was made for, None for any. `cursor` is the entry's place in its store's log.
    """

    op: Operation
    id: str
    scope: Scope
    at: datetime
    record: Record | None = None
    by: str | None = None
    valid_to: datetime | None = None
    reason: str | None = None
    expects: int | None = None
    cursor: int = 0

    def __post_init__(self) -> None:
        for name in ("at", "valid_to"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, utc(value))


class Page(msgspec.Struct, frozen=True):
    """Records in the order in which they were recorded; `cursor` continues after them, None at the end."""

    records: tuple[Record, ...]
    cursor: int | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend searches for. `embed` makes a vector of text by the backend's embedder; None without one.

    `period` is the time that the text speaks of, found by `search.times`.
    """

    text: str
    k: int
    moment: Moment
    where: Filter = ANY
    embed: Callable[[str], Any] | None = None
    period: tuple[datetime, datetime] | None = None
    explain: bool = False


class Hit(msgspec.Struct, frozen=True):
    """A record that was found. `parts` are what its score is the sum of; with `explain`, raw measures come along."""

    record: Record
    score: float
    parts: Mapping[str, float] = {}


class Contribution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one of several backends had to say to a search: how many of the hits are its own, and in what time.

    `missed` says why it had nothing to say: it is down, was late, or cannot do what was asked.
    """

    backend: str
    found: int = 0
    seconds: float = 0.0
    missed: str | None = None


class Hits(list[Hit]):
    """Hits, best first. `backends` tells what each backend of a hybrid memory contributed or missed."""

    def __init__(self, hits: Iterable[Hit] = (), backends: Sequence[Contribution] = ()) -> None:
        super().__init__(hits)
        self.backends = tuple(backends)


class Erased(list[str]):
    """Ids of what was erased. `derived` are those that were not asked for, and came from one that was."""

    def __init__(self, ids: Iterable[str] = (), derived: Iterable[str] = ()) -> None:
        super().__init__(ids)
        self.derived = tuple(derived)


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What a scope holds. `current` counts what a search can find now; `unembedded` waits for the embedder."""

    records: int
    current: int
    by_type: Mapping[str, int]
    unembedded: int = 0
    bytes: int = 0
    """Of the whole store, all tenants."""


def utc(value: datetime) -> datetime:
    """The same instant in UTC. Raises `InvalidInput` for what is no time, or none that UTC has."""
    if not isinstance(value, datetime):
        raise bad_time(value)
    if value.tzinfo is UTC:
        return value
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise bad_time(value) from None


def as_scope(value: Scope) -> Scope:
    """The scope, if it is one; raises `InvalidInput`."""
    given: object = value  # callers pass what they have
    if not isinstance(given, Scope):
        raise no_scope(given)
    return value


def as_records(values: Iterable[Record]) -> list[Record]:
    """The records, if they are some; raises `InvalidInput`."""
    given: object = values
    if isinstance(given, Record | str | Mapping) or not isinstance(given, Iterable):
        raise no_records(type(given).__name__)
    records = list(values)
    for one in records:
        wrong: object = one
        if not isinstance(wrong, Record):
            raise no_records(f"one with a {type(wrong).__name__} in it")
    return records


def as_number(name: str, value: int, least: int = 0) -> int:
    """The limit or the cursor, if a store can hold it; raises `InvalidInput`."""
    given: object = value
    if not isinstance(given, int) or isinstance(given, bool) or not least <= value < 1 << 63:
        raise bad_number(name, given, least)
    return value


def is_text(value: str) -> bool:
    """Whether UTF-8 can hold it: lone surrogates it cannot."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _problems(record: Record) -> Sequence[str]:
    if record.type not in MEMORY_TYPES:
        return [f"`type` cannot be {record.type!r}: it is one of {', '.join(MEMORY_TYPES)}"]
    text: object = record.text  # constructors take what they are given
    if not isinstance(text, str):
        return [f"`text` must be text, not {type(text).__name__}"]
    for name in ("text", "subject", "predicate", "role", "session"):
        value = getattr(record, name)
        if value is not None and not (isinstance(value, str) and is_text(value)):
            return [f"`{name}` must be text that UTF-8 can hold, without lone surrogates"]
    for name in ("trust", "confidence", "importance"):
        value = getattr(record, name)
        if not _is_number(value) or not 0 <= value <= 1:
            return [f"`{name}` must lie between 0 and 1, not {value!r}"]
    pinned: object = record.pinned
    if not isinstance(pinned, bool):
        return [f"`pinned` must be true or false, not {pinned!r}"]
    if record.ttl is not None and not (_is_number(record.ttl) and 0 < record.ttl <= _LONGEST_TTL):
        return [f"`ttl` must be a number of seconds above 0 and at most {_LONGEST_TTL:.0e}, not {record.ttl!r}"]
    sources: object = record.sources
    if not isinstance(sources, list | tuple) or not all(
        isinstance(source, str) and is_text(source) for source in sources
    ):
        return ["`sources` must be a list of texts that UTF-8 can hold"]
    if record.sequence is not None and not (
        isinstance(record.sequence, int) and not isinstance(record.sequence, bool) and abs(record.sequence) < 1 << 53
    ):
        return [f"`sequence` must be an integer, not {record.sequence!r}"]
    return []
