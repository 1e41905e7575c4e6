"""mem0: its vectors' payloads in Qdrant's local files, its history, or the JSON of `get_all()`."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError

from ..types import Change, Scope
from .taking import Taking, name_of, reading, time_of

_OWN = ("user_id", "agent_id", "run_id", "role", "data", "memory", "id", "created_at", "updated_at", "text_lemmatized")


def read(place: str, taking: Taking) -> None:
    """See `read_from`."""
    path = Path(place).expanduser()
    if path.is_dir():
        stores = sorted(path.rglob("storage.sqlite"))
        histories = sorted(path.rglob("history.db"))
        if not stores and not histories:
            raise LevError(f"{path} holds neither storage.sqlite nor history.db", help="name the folder mem0 writes to")
        payloads = {id: payload for store in stores for id, payload in _points(store, taking)}
        _take(payloads, [event for file in histories for event in _events(file)], taking)
    elif path.suffix in (".json", ".jsonl"):
        _take(_exported(path, taking), [], taking)
    elif path.is_file():
        _take({}, list(_events(path)), taking)
    else:
        raise LevError(f"there is no {path}", help="name mem0's folder, its history.db, or a JSON export")


def _take(payloads: Mapping[str, Mapping[str, Any]], events: list[Mapping[str, Any]], taking: Taking) -> None:
    """Memories with their history, where it is known, and those of which only the present is."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        told.setdefault(str(event["memory_id"]), []).append(event)
    for id, payload in payloads.items():
        if id not in told:
            _put(taking, f"mem0:{id}", payload.get("data") or payload.get("memory"), payload, payload.get("created_at"))
    for id, log in told.items():
        _replay(taking, id, log, payloads.get(id, {}))
    taking.leave("vectors, which are made anew", len(payloads))


def _replay(taking: Taking, id: str, log: list[Mapping[str, Any]], payload: Mapping[str, Any]) -> None:
    """Each text a memory had is a record that the next one supersedes; a deleted one is retracted."""
    if not payload:
        taking.leave("owners of deleted memories, which mem0 does not keep")
    current: str | None = None
    for number, event in enumerate(sorted(log, key=lambda event: str(event["updated_at"] or event["created_at"])), 1):
        at = time_of(event["updated_at"] or event["created_at"])
        if at is None:
            taking.leave("events without a time")
            continue
        scope = Scope(tenant=taking.tenant, **_owner(payload))
        if event["event"] == "DELETE" or event["new_memory"] is None:
            if current is not None:
                taking.add(Change(op="retract", id=current, scope=scope, at=at, reason="deleted in mem0"))
            current = None
            continue
        new = f"mem0:{id}" if number == 1 else f"mem0:{id}:{number}"
        if not _put(taking, new, event["new_memory"], {"role": event["role"], **payload}, at.isoformat()):
            continue
        if current is not None:
            taking.add(
                Change(op="supersede", id=current, scope=scope, at=at, by=new, valid_to=at, reason="updated in mem0")
            )
        current = new


def _put(taking: Taking, id: str, text: Any, payload: Mapping[str, Any], since: Any) -> bool:
    at = time_of(since)
    if not isinstance(text, str) or at is None:
        return taking.leave("memories without a text or a time")
    rest = {name: value for name, value in payload.items() if name not in _OWN and value is not None}
    kind = "procedural" if payload.get("memory_type") == "procedural_memory" else "semantic"
    session = name_of(payload.get("run_id"))
    fields = {"role": payload.get("role"), "session": session, "data": {"mem0": rest} if rest else None}
    return taking.put(id, at, _owner(payload), type=kind, text=text, valid_from=at, **fields)


def _owner(payload: Mapping[str, Any]) -> dict[str, str]:
    named = {"user": name_of(payload.get("user_id")), "agent": name_of(payload.get("agent_id"))}
    return {field: name for field, name in named.items() if name}


def _events(file: Path) -> Iterator[Mapping[str, Any]]:
    with reading(file, "history") as db:
        yield from map(dict, db.execute("SELECT * FROM history ORDER BY rowid").fetchall())


def _exported(path: Path, taking: Taking) -> dict[str, Mapping[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        found = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else json.loads(text)
        )
    except (OSError, ValueError, RecursionError) as error:
        raise LevError(f"{path} cannot be read: {error}") from None
    memories = found.get("results") if isinstance(found, dict) else found
    if not isinstance(memories, list):
        help = 'write what `get_all()` answers: {"results": [{"id": …, "memory": …}]}'
        raise LevError(f"{path} holds no memories", help=help)
    found = {}
    for one in memories:
        if not isinstance(one, dict) or one.get("id") is None:
            taking.leave("entries without an id")
            continue
        about = one.get("metadata")
        found[str(one["id"])] = {**one, **about, "metadata": None} if isinstance(about, dict) else one
    return found


def _points(file: Path, taking: Taking) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The payloads that Qdrant keeps as pickles."""
    with reading(file, "points") as db:
        for (blob,) in db.execute("SELECT point FROM points"):
            try:
                point = _Unpickler(io.BytesIO(blob)).load()
                fields = point.state["__dict__"]
                yield str(fields["id"]), dict(fields["payload"])
            except Exception:  # a pickle is a program: what a strange one raises can be anything
                taking.leave("points that are not mem0's")


class _Inert:
    """Stands for an object of somebody else's; it only holds what it would be made of."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Makes plain values and `_Inert`s, whatever a pickle asks for, and so runs nobody's code."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) == ("datetime", "datetime"):
            return datetime
        if module.startswith("qdrant_client.") or (module, name) == ("copyreg", "__newobj__"):
            return _Inert
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a point")
