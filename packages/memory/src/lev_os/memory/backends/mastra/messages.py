"""Records and logs as Mastra's messages, and back.

What people and agents see in Mastra is the text; what we read is a JSON text in the message's metadata, which holds
all of it. A text, because Mastra's own JSON has no integers beyond 2**53; and all of it, because Mastra trims texts and
takes out what looks like its own marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import msgspec

from ...lifecycle import as_put
from ...types import Change, Record

Message: TypeAlias = Mapping[str, Any]
KEY = "lev"
T = TypeVar("T")
_ASSISTANTS = frozenset({"assistant", "ai", "model"})


class Kept(msgspec.Struct, frozen=True):
    """What the message of a record holds: the record, and the batch that must be in the log for it to count."""

    id: str
    batch: str
    record: Record


class Entries(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message of the log holds. A batch counts once its `last` message is there; puts leave their records out.

    `adopted` has the messages of puts that Mastra's own agents wrote.
    """

    batch: str
    changes: tuple[Change, ...]
    last: bool = True
    adopted: Mapping[str, str] = {}


def record_message(message: str, thread: str, resource: str, at: datetime, kept: Kept) -> Message:
    """The message of a record."""
    # Never `system`: Mastra would not keep it, and a model would take it for its orders.
    role = "assistant" if (kept.record.role or "").casefold() in _ASSISTANTS else "user"
    kept = msgspec.structs.replace(kept, record=as_put(kept.record))
    return _message(message, thread, resource, at, role, kept.record.text, kept)


def log_message(message: str, thread: str, resource: str, at: datetime, entries: Entries) -> Message:
    """A message of the log, with a line for people."""
    counts: dict[str, int] = {}
    for change in entries.changes:
        counts[change.op] = counts.get(change.op, 0) + 1
    said = ", ".join(f"{op} {count}" for op, count in counts.items())
    bare = tuple(msgspec.structs.replace(change, record=None) for change in entries.changes)
    return _message(message, thread, resource, at, "assistant", said, msgspec.structs.replace(entries, changes=bare))


def kept_in(message: Message) -> Kept | None:
    """The record that we keep in a message, None when it is not one of ours."""
    return _held(message, Kept)


def entries_in(message: Message) -> Entries | None:
    """The part of the log that a message holds, None when it is not one of ours."""
    return _held(message, Entries)


def is_ours(message: Message) -> bool:
    """Whether we wrote the message."""
    return isinstance(_metadata(message).get(KEY), str)


def said_in(message: Message, session: str | None, trust: float) -> Record:
    """What a message of Mastra's own says, as a record; other parts than text are in `data`."""
    content = message["content"]
    parts = content.get("parts", []) if isinstance(content, dict) else [{"type": "text", "text": str(content)}]
    said = "\n".join(part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str))
    others = [part for part in parts if part.get("type") != "text"]
    return Record(
        text=said.encode(errors="replace").decode(),
        data={"mastra": {"parts": others}} if others else None,
        role=message["role"],
        session=session,
        valid_from=instant(message["createdAt"]),
        trust=trust,
    )


def instant(text: str) -> datetime:
    """A time that Mastra gives."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """A time as Mastra takes it, to the millisecond."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _message(id: str, thread: str, resource: str, at: datetime, role: str, text: str, held: object) -> Message:
    part = {"type": "text", "text": text if text.strip() else "(nothing)"}
    metadata = {KEY: msgspec.json.encode(held).decode()}
    content = {"format": 2, "parts": [part], "metadata": metadata}
    ids = {"id": id, "threadId": thread, "resourceId": resource}
    return {**ids, "role": role, "createdAt": stamp(at), "content": content}


def _metadata(message: Message) -> Mapping[str, Any]:
    content = message.get("content")
    metadata = content.get("metadata") if isinstance(content, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _held(message: Message, kind: type[T]) -> T | None:
    text = _metadata(message).get(KEY)
    try:
        return msgspec.json.decode(text, type=kind) if isinstance(text, str) else None
    except msgspec.MsgspecError:
        return None


def in_order(changes: Sequence[Change], after: int) -> list[Change]:
    """Changes with ascending cursors above `after`; two writers at once may have taken the same ones."""
    found = []
    for change in changes:
        after = max(change.cursor, after + 1)
        found.append(change if change.cursor == after else msgspec.structs.replace(change, cursor=after))
    return found
