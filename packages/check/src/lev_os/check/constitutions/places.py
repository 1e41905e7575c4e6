"""Where a part of a step stands in its file."""

from __future__ import annotations

from lev_os.core.documents import Document

from ..files import File
from ..rule import Span
from .sites import Place

_KEYS = {
    "call": ("call",),
    "tools": ("tools",),
    "flow": ("flow",),
    "instruction": ("ask",),
    "about": ("about",),
    "context": ("context",),
}


def span_of(file: File, place: Place) -> Span:
    """The span of what a place means; the step's own when it has no such part (a context of the whole flow)."""
    document = file.yaml
    path = _path(document, place.step.path)
    keys = (*_KEYS[place.part], *(() if place.index is None else (place.index,)))
    at = document.at((*path, *keys))
    return file.span_at(at.line or 1, at.column or 1)


def _path(document: Document, written: str) -> tuple[str | int, ...]:
    """A step's path in the document; its labels may hold digits and slashes."""
    data = document.data
    path: list[str | int] = []
    for part in written.split("/"):
        key = int(part) if isinstance(data, list) else part.replace("~1", "/").replace("~0", "~")
        data = data[key]
        path.append(key)
    return tuple(path)
