"""Gathering changes from what somebody else kept."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from lev_os.core import InvalidInput
from lev_os.core.errors import LevError

from ..types import Change, Record, Scope, utc

TRUST = 0.4
"""Of what somebody else wrote down: it is found, and quoted as data."""
_LONGEST_NAME = 512


class Taken(msgspec.Struct, frozen=True):
    """What was read, in the order in which it happened, and what was left out: reasons, and how often."""

    changes: list[Change]
    left_out: Mapping[str, int]


class Taking:
    """Gathers changes for a tenant; every record is trusted alike."""

    def __init__(self, tenant: str, trust: float) -> None:
        self.tenant = tenant
        self._trust = trust
        self._changes: list[Change] = []
        self._versions: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def put(self, id: str, at: datetime, owner: Mapping[str, Any], **fields: Any) -> bool:
        """Take in a record by its fields; whether it can be kept. `owner` has the user, agent and project, if any."""
        try:
            record = Record(**{"trust": self._trust, **fields})
            scope = Scope(tenant=self.tenant, session=record.session, **{k: v for k, v in owner.items() if v})
        except InvalidInput:
            return self.leave("records with values that cannot be kept")
        self.add(Change(op="put", id=id, scope=scope, at=at, record=record))
        return True

    def add(self, change: Change) -> None:
        """Take in a change."""
        expects = self._versions[change.id]
        self._versions[change.id] += 1
        self._changes.append(msgspec.structs.replace(change, expects=expects))

    def leave(self, reason: str, count: int = 1) -> bool:
        """Note what is left out; False, so that callers can return it."""
        if count:
            self._left_out[reason] += count
        return False

    def taken(self) -> Taken:
        """Everything, in order of time; a record comes before what happened to it."""
        order = sorted(self._changes, key=lambda change: (change.at, change.op != "put"))
        return Taken(order, dict(self._left_out))


@contextmanager
def reading(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    """An SQLite file with a table, opened for reading alone. Raises `LevError` when it is something else."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
            if found is None:
                raise LevError(f"{path} has no table `{table}`", help="is it the file of another program?")
            db.row_factory = sqlite3.Row
            yield db
    except sqlite3.Error as error:
        raise LevError(f"{path} cannot be read: {error}") from None


def time_of(value: Any) -> datetime | None:
    """A time as other programs write it: ISO text, UTC unless it says otherwise, or seconds; None for anything else."""
    try:
        if isinstance(value, str):
            return utc(datetime.fromisoformat(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return utc(value) if isinstance(value, datetime) else None


def name_of(value: Any) -> str | None:
    """A value as the name of a user, an agent or a session; None when it cannot be one."""
    text = value if isinstance(value, str) else None if value is None else str(value)
    return text if text and len(text) <= _LONGEST_NAME else None
