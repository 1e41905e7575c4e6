"""Who says a record: `data["speaker"]`, else a `role` that is a name, else the `Name: ` that the text begins with."""

from __future__ import annotations

import re

from ..types import Record

_ROLES = frozenset({"user", "assistant", "system", "tool", "developer", "function", "human", "ai"})
_PREFIX = re.compile(r"([^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,2}): ")


def speaker_of(record: Record) -> str | None:
    """The speaker's name, folded, or None."""
    named = record.data.get("speaker") if isinstance(record.data, dict) else None
    if not isinstance(named, str):
        named = record.role if record.role and record.role.casefold() not in _ROLES else None
    if (named is None and record.role is not None) or record.session is not None:
        prefix = _PREFIX.match(record.text)
        named = named or (prefix[1] if prefix else None)
    return named.strip().casefold() or None if named else None


def indexed_text(record: Record, speaker: str | None) -> str:
    """What is searched: the text, with its speaker and its fact's key unless they stand in it."""
    added = [
        part
        for part in (speaker, record.subject, record.predicate)
        if part is not None and part.casefold() not in record.text.casefold()
    ]
    return " ".join((*added, record.text)) if added else record.text
