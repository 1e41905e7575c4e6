"""What can still be read of a constitution that does not fit its schema, so that one mistake hides no other."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from ..documents import Document, Violation, nearest_word, violations
from .schema import VERSION, constitution_schema

_ROUNDS: Final = 8
"""What is left out or renamed may be wrong in another way; a document that is still wrong after these is given up."""
_NEEDED: Final[dict[str, Any]] = {"constitution": VERSION, "name": "unnamed", "principles": []}
"""What stands in for a key of the document that is missing or wrong."""
_SPARED: Final = frozenset({"severity", "authority", "on_violation", "rationale", "maps"})
"""Keys of a principle without which the rest of it still says what it said."""


def readable(document: Document) -> Document | None:
    """The document without what breaks the schema; None when nothing of it can be read.

    A misspelt key counts as the one that was meant, another unknown one is left out, and a principle that cannot be
    told without guessing is None in its place, so that the others keep theirs.
    """
    data = document.data
    if not isinstance(data, dict):
        return None
    for _ in range(_ROUNDS):
        found = [each for each in violations(data, constitution_schema()) if not _is_left_out(data, each)]
        if not found:
            return replace(document, data=data)
        data = deepcopy(data) if data is document.data else data
        for each in found:
            _mend(data, each)
    return None


def _is_left_out(data: dict[str, Any], found: Violation) -> bool:
    match found.path:
        case ("principles", int(index), *_):
            return data["principles"][index] is None
    return False


def _mend(data: dict[str, Any], found: Violation) -> None:
    match found.path:
        case ("principles", int(index), *within):
            principles = data["principles"]
            if principles[index] is not None and not _mend_principle(principles[index], tuple(within), found):
                principles[index] = None
        case ():
            _rename(data, found)
            for key in found.unknown:
                data.pop(key, None)
            data.update((key, _NEEDED[key]) for key in found.missing)
        case (str(key), *_):
            data.pop(key, None)
            if key in _NEEDED:
                data[key] = _NEEDED[key]


def _mend_principle(principle: Any, within: tuple[str | int, ...], found: Violation) -> bool:
    """Whether the rest can be told."""
    if found.unknown:
        part = principle
        for step in within:
            part = part[step]
        _rename(part, found)
        left = [key for key in found.unknown if key in part]
        for key in left:
            del part[key]
        return not left or within in ((), ("judge",))
    if within and within[0] in _SPARED:
        principle.pop(within[0], None)
        return True
    return False


def _rename(part: dict[str, Any], found: Violation) -> None:
    """Read each misspelt key as the known one that it must mean."""
    for key in found.unknown:
        meant = nearest_word(key, [name for name in found.known if name not in part])
        if meant is not None:
            part[meant] = part.pop(key)
