"""The audit trail: what the gate said of every effect and every result, read from a run's records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..bidirectional.effects import Record
from .model import Finding, Phase, Ruling


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One verdict. `key` and `attempt` name the effect, `digest` its request; `at` is in the driver's seconds.

    `shadow` is what the ruling would have been if everything were enforced.
    """

    at: float
    key: str
    attempt: int
    phase: Phase
    digest: str
    ruling: Ruling
    findings: tuple[Finding, ...] = ()
    shadow: Ruling | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's answer to an `ask`: `digest` names what was shown."""

    at: float
    key: str
    attempt: int
    digest: str
    approved: bool
    note: str | None = None


def read(records: Iterable[Record]) -> Iterator[AuditEntry | Approval]:
    """The verdicts and approvals among a journal's records, in order. Raises `msgspec.ValidationError` on a bad one."""
    for record in records:
        if record.type in _TYPES and isinstance(record.body, dict):
            body = {**record.body, "at": record.at, "key": record.key, "attempt": record.attempt}
            yield msgspec.convert(body, _TYPES[record.type])


_TYPES: dict[str, type[AuditEntry] | type[Approval]] = {"verdict": AuditEntry, "approval": Approval}
