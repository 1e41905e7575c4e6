"""Facts in what people say about themselves, by rules: few, in English, and rather silent than wrong."""

from __future__ import annotations

import re

from ..search.speakers import asks, said, speaker_of
from ..types import Record

_VALUE = r"((?:[\w'’+-]+ ?){1,6}?)"
_END = r"(?=\s*(?:[.,;:!\n]|$|and\b|but\b|because\b|since\b|now\b|so\b|with\b|for\b))"
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(rf"\b{pattern} {_VALUE}{_END}", re.IGNORECASE), predicate, sentence)
    for pattern, predicate, sentence in (
        # pattern before the value; the predicate, with {} for what may hold several values; the sentence
        (r"my name(?: is|'s|’s)", "name", "{who}'s name is {value}"),
        (r"I (?:now |currently )?live in", "lives in", "{who} lives in {value}"),
        (r"I(?:'ve|’ve| have)? (?:just |recently )?moved to", "lives in", "{who} lives in {value}"),
        (r"I (?:now |currently )?work (?:at|for)", "works at", "{who} works at {value}"),
        (r"I(?:'m|’m| am) allergic to", "is allergic to {value}", "{who} is allergic to {value}"),
        (r"my birthday is(?: on)?", "birthday", "{who}'s birthday is {value}"),
        (r"I (?:really |absolutely )?(?:like|love|enjoy|prefer)", "likes {value}", "{who} likes {value}"),
        (
            r"I (?:really |absolutely )?(?:hate|dislike|can't stand|can’t stand)",
            "dislikes {value}",
            "{who} dislikes {value}",
        ),
    )
)
_VAGUE = re.compile(r"(?:it|that|this|you|him|her|them|to|how|what|when|the way|your|everything)\b", re.IGNORECASE)
_CONFIDENCE = 0.6


def facts_in(record: Record) -> list[Record]:
    """The facts in an episode; each has its source, its time, and no more trust."""
    text = said(record)
    if asks(record) and "." not in text:
        return []
    who = (speaker_of(record) or "").title() or ("The user" if record.role in (None, "user") else "")
    if not who or record.role in ("assistant", "system", "tool"):
        return []
    found = []
    for pattern, predicate, sentence in _RULES:
        for match in pattern.finditer(text):
            value = match[1].strip(" '’")
            if not value or _VAGUE.match(value):
                continue
            found.append(
                Record(
                    type="semantic",
                    text=sentence.format(who=who, value=value),
                    subject=who,
                    predicate=predicate.format(value=value.casefold()),
                    valid_from=record.begins,
                    sources=(record.id,),
                    trust=record.trust,
                    confidence=_CONFIDENCE,
                )
            )
    return found
