"""Texts of a run, made safe to show: nothing in them can be markup, reorder what is around it, or drive a terminal."""

from __future__ import annotations

import html
import re
from typing import Any

from .. import canonical

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, what reorders text, and what takes no room: characters that show something else than what is there."""


def visible(text: str) -> str:
    """`text` with the characters that one cannot see written as `<U+202E>`; tabs and line breaks stay."""
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def one_line(text: str, limit: int = 100) -> str:
    """The beginning of a text, visible and on one line."""
    flat = " ".join(text[: limit * 4].split())
    return visible(flat if len(flat) <= limit else flat[: limit - 1] + "…")


def plain(value: Any, limit: int) -> tuple[str, int]:
    """A JSON value for people, strings as they are, and how many characters were left out.

    What is shown takes at most `limit` bytes of HTML.
    """
    if isinstance(value, str):
        text = value
    else:
        text = canonical.encode(value).decode()
        if len(text) <= limit:
            import msgspec

            text = msgspec.json.format(text, indent=2)
    end = min(len(text), limit)
    while (size := len(escaped(text[:end]).encode())) > limit:
        end = min(end - 1, end * limit // size)
    return visible(text[:end]), len(text) - end


def escaped(text: str) -> str:
    """`text` as the contents of an element or of a quoted attribute."""
    return html.escape(visible(text), quote=True)
