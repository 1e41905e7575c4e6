"""Mastra's working memory: one text for a resource, which its agents read each time and may write.

Records of type `working` that hold are shown in a part of it that is ours, between two marks; the rest is the agents'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...types import Change
from . import naming

_BEGIN, _END = "<!-- remembered -->", "<!-- /remembered -->"
_OURS = re.compile(rf"\n*{_BEGIN}.*?{_END}\n*", re.DOTALL)


class Working:
    """The records of type `working` of one tenant, by id: their resource and text, and whether they hold."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, str]] = {}
        self._gone: set[str] = set()

    def take_in(self, changes: Iterable[Change]) -> set[str]:
        """Follow changes; the resources whose working memory is another now."""
        touched = set()
        for change in changes:
            if change.op == "put" and change.record is not None and change.record.type == "working":
                self._texts[change.id] = naming.resource_of(change.scope), change.record.text
            if change.id not in self._texts:
                continue
            touched.add(self._texts[change.id][0])
            (self._gone.discard if change.op in ("put", "restore") else self._gone.add)(change.id)
        return touched

    def of(self, resource: str) -> list[str]:
        """What holds in a resource, in the order in which it was recorded."""
        return [text for id, (owner, text) in self._texts.items() if owner == resource and id not in self._gone]


def merged(theirs: str | None, ours: Sequence[str]) -> str:
    """The agents' text with our part brought up to date."""
    rest = without(theirs)
    if not ours:
        return rest
    lines = "\n".join(f"- {' '.join(text.replace('<!--', '<! --').split())}" for text in ours)
    return f"{rest}\n\n{_BEGIN}\n{lines}\n{_END}\n".lstrip("\n")


def without(text: str | None) -> str:
    """The agents' text alone."""
    return _OURS.sub("\n", text or "").strip("\n")
