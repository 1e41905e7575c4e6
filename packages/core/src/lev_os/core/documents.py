"""YAML documents whose every key and value knows its line and column, and their check against a schema.

One pass of PyYAML's C composer makes our own values and a position map, by YAML 1.2's core rules: `on`, `no`
and `yes` are words. Duplicate keys, aliases that grow without bound, and anything over the size limit are refused.
The values that are validated are the values that run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Location, Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document. `positions` maps the path of a value to its (line, column); `keys`, of a key."""

    data: Any
    positions: Mapping[Path, tuple[int, int]]
    keys: Mapping[Path, tuple[int, int]]
    path: str | None = None
    text: str = ""

    def at(self, path: Path, *, key: bool = False) -> Location:
        """Where the value (or the key) at `path` stands; the nearest known ancestor if it has no place."""
        raise NotImplementedError


def read_yaml(text: str | bytes, *, path: str | None = None) -> Document:
    """Parse one YAML document; raises `InvalidInput` with every problem found."""
    raise NotImplementedError


def check(document: Document, schema: Mapping[str, Any], *, code: str, at: Path = ()) -> list[Problem]:
    """Every violation of a JSON Schema in the value at `at`, at its line, with the nearest valid key named."""
    raise NotImplementedError
