"""Mastra's working memory: one text for a resource, which its agents read each time and may write.

Records of type `working` that hold are shown in a part of it that is ours, between two marks; the rest is the agents'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from ...lifecycle import fold, is_visible
from ...types import Change, Moment
from . import naming

_BEGIN, _END = "<!-- remembered -->", "<!-- /remembered -->"
_OURS = re.compile(rf"\n*{_BEGIN}.*?{_END}\n*", re.DOTALL)


class Working:
    """The records of type `working` of one tenant: their logs by id, and the ids of each resource."""

    def __init__(self) -> None:
        self._logs: dict[str, list[Change]] = {}
        self._ids: dict[str, list[str]] = {}

    def take_in(self, changes: Iterable[Change]) -> set[str]:
        """Follow changes; the resources of these whose working memory may be another now."""
        touched = set()
        for change in changes:
            resource = naming.resource_of(change.scope)
            if change.op == "put" and change.record is not None and change.record.type == "working":
                self._logs[change.id] = []
                self._ids.setdefault(resource, []).append(change.id)
            if change.id in self._logs:
                self._logs[change.id].append(change)
                resource = naming.resource_of(self._logs[change.id][0].scope)
            if resource in self._ids:  # time has passed, too
                touched.add(resource)
        return touched

    def of(self, resource: str, at: datetime) -> list[str]:
        """What holds in a resource at a time, in the order in which it was recorded."""
        records = (fold(self._logs[id]) for id in self._ids.get(resource, ()))
        return [record.text for record in records if record is not None and is_visible(record, Moment(now=at))]


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
