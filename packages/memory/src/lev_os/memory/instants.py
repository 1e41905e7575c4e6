"""Instants as stores keep them: microseconds since 1970, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Microseconds of an aware datetime."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """The datetime of microseconds."""
    return _EPOCH + timedelta(microseconds=at)
