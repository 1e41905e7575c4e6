"""LangGraph: the table of an `SqliteStore`. A namespace and a key name an item; its value is any JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError

from .taking import Taking, reading, time_of

_TEXTS = ("text", "content", "memory", "data", "value", "fact")


def read(place: str, taking: Taking) -> None:
    """See `read_from`."""
    path = Path(place).expanduser()
    if not path.is_file():
        raise LevError(f"there is no file {path}", help="name the SQLite file of the store")
    with reading(path, "store") as db:
        columns = {row["name"] for row in db.execute("PRAGMA table_info(store)")}
        for row in db.execute("SELECT * FROM store ORDER BY updated_at, prefix, key"):
            expires = row["expires_at"] if "expires_at" in columns else None
            _item(taking, row["prefix"], row["key"], row["value"], (row["created_at"], row["updated_at"]), expires)
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE name = 'store_vectors'"):
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            taking.leave("vectors, which are made anew", count)


def _item(taking: Taking, prefix: str, key: str, raw: Any, times: tuple[Any, Any], expires: Any) -> None:
    try:
        value = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        taking.leave("items that are not JSON")
        return
    created, updated = (time_of(at) for at in times)
    at = updated or datetime.now(UTC)
    text = (
        next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), None)
        if isinstance(value, dict)
        else value
    )
    if not isinstance(text, str):
        text = json.dumps(value, ensure_ascii=False)
    ends = time_of(expires)
    ttl = None if ends is None else (ends - at).total_seconds()
    if ttl is not None and ttl <= 0:
        taking.leave("items that have expired")
        return
    # Changed later, an item has the same name: its content makes it another record.
    digest = sha256(f"{prefix}\0{key}\0{raw}".encode()).hexdigest()[:16]
    held = {"langgraph": {"namespace": prefix.split("."), "key": key, "value": value}}
    taking.put(
        f"langgraph:{prefix}/{key}:{digest}", at, {}, type="semantic", text=text, data=held, valid_from=created, ttl=ttl
    )
