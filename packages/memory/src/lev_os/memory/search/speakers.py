"""Who says a record: `data["speaker"]`, else a `role` that is a name, else the `Name: ` that the text begins with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..types import Record

_ROLES = frozenset({"user", "assistant", "system", "tool", "developer", "function", "human", "ai"})
_PREFIX = re.compile(r"(?:[\[(][^\])]{0,80}[\])]\s*)?([^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,2}): ")
_WORD = re.compile(r"[^\W_]+")


def speaker_of(record: Record) -> str | None:
    """The speaker's name, folded, or None."""
    named = record.data.get("speaker") if isinstance(record.data, dict) else None
    if not isinstance(named, str):
        named = record.role if record.role and record.role.casefold() not in _ROLES else None
    if named is None and (record.role is not None or record.session is not None):
        prefix = _prefix_of(record.text)
        named = prefix[1] if prefix else None
    return named.strip().casefold() or None if named else None


def said(record: Record) -> str:
    """The text without the `Name: ` of its speaker: what a vector is made of."""
    prefix = _prefix_of(record.text)
    if prefix and prefix[1].casefold() == speaker_of(record):
        return record.text[prefix.end() :]
    return record.text


def asks(record: Record) -> bool:
    """Whether the text is a question, or ends in one."""
    return record.text.rstrip().endswith(("?", "？", "؟"))


def _prefix_of(text: str) -> re.Match[str] | None:
    return _PREFIX.match(text) if ": " in text else None  # most texts have none, and this sees it sooner


def without(text: str, names: Iterable[str]) -> str:
    """A question without the names of those who speak, since their names stand for who says a thing and not for what.

    The whole question when nothing else is in it.
    """
    left = text
    for name in names:
        left = re.sub(rf"\b{re.escape(name)}(?:['’]s)?\b", " ", left, flags=re.IGNORECASE)
    left = " ".join(left.split())
    return left if _WORD.search(left) else text


def indexed_text(record: Record, speaker: str | None) -> str:
    """What is searched: the text, with its speaker and its fact's key unless they stand in it."""
    text = record.text
    if speaker is not None and text[: len(speaker)].casefold() == speaker:
        speaker = None
    added = [part for part in (speaker, record.subject, record.predicate) if part is not None]
    if not added:
        return text
    folded = text.casefold()
    return " ".join((*(part for part in added if part.casefold() not in folded), text))
