"""YAML documents whose every key and value knows its line and column, and their check against a schema.

One pass over libyaml's events makes our own values and a position map, by YAML 1.2's core rules: `on`, `no`
and `yes` are words. Duplicate keys, aliases that grow without bound, and anything over the size limit are refused.
The values that are validated are the values that run.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Location, Problem

Path = tuple[str | int, ...]

Place = tuple[int, int, bool, "dict[str, tuple[int, int, Place]] | list[Place] | None"]
"""Line, column, whether a scalar without quotes, and the children: by key with the key's place, or by index."""


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
        place = self.keys.get(path) if key else None
        while place is None:
            place = self.positions.get(path)
            if place is None and not path:
                return Location(self.path)
            path = path[:-1]
        return Location(self.path, *place)

    def unquoted(self, path: Path) -> bool:
        """Whether the value at `path` is a scalar written without quotes."""
        positions = self.positions
        return isinstance(positions, Positions) and positions.plain(path)


class Positions(Mapping[Path, tuple[int, int]]):
    """A view of the tree of places: a path is walked when asked for, so that parsing makes no tuple per value."""

    __slots__ = ("_keys", "_root")

    def __init__(self, root: Place, *, keys: bool = False) -> None:
        self._root = root
        self._keys = keys

    def _entry(self, path: Path) -> tuple[tuple[int, int] | None, Place] | None:
        """The place of the key (None for an item of a list) and of the value at `path`."""
        place = self._root
        key: tuple[int, int] | None = None
        for part in path:
            children = place[3]
            if isinstance(children, dict) and isinstance(part, str) and part in children:
                line, column, place = children[part]
                key = line, column
            elif isinstance(children, list) and isinstance(part, int) and 0 <= part < len(children):
                place = children[part]
                key = None
            else:
                return None
        return key, place

    def __getitem__(self, path: Path) -> tuple[int, int]:
        entry = self._entry(path)
        found = None if entry is None else entry[0] if self._keys else entry[1][:2]
        if found is None:
            raise KeyError(path)
        return found

    def plain(self, path: Path) -> bool:
        entry = self._entry(path)
        return entry is not None and entry[1][2]

    def __iter__(self) -> Iterator[Path]:
        pending: list[tuple[Path, bool, Place]] = [((), False, self._root)]
        while pending:
            path, keyed, place = pending.pop()
            if keyed or not self._keys:
                yield path
            children = place[3]
            if isinstance(children, dict):
                pending.extend(((*path, key), True, entry[2]) for key, entry in reversed(children.items()))
            elif isinstance(children, list):
                pending.extend(((*path, i), False, children[i]) for i in reversed(range(len(children))))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_yaml(text: str | bytes, *, path: str | None = None) -> Document:
    """Parse one YAML document (at most 10 MB, 100 levels); raises `InvalidInput` with every problem found."""
    from ._flat_yaml import read_flat

    if isinstance(text, str) and (flat := read_flat(text, path)) is not None:
        return flat
    from ._yaml import read

    return read(text, path)


def read_toml(text: str, *, path: str | None = None, code: str) -> Document:
    """Parse a TOML document whose keys know their places; raises `InvalidInput` with the problem as `code`."""
    import tomllib

    from .errors import InvalidInput
    from .packaging._toml_positions import key_positions

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)\Z", str(error))
        at = Location(path, int(place[1]), int(place[2])) if place else Location(path, 1, 1)
        message = str(error)[: place.start()].strip() if place else str(error)
        raise InvalidInput([Problem(code, f"this is not TOML: {message}", at)]) from None
    places = key_positions(text)
    return Document(data, places, places, path, text)


def check(document: Document, schema: Mapping[str, Any], *, code: str, at: Path = ()) -> list[Problem]:
    """Every violation of a JSON Schema in the value at `at`, at its line, with the nearest valid key named.

    `schema` is one of ours and is compiled once for its identity: do not change it afterwards. At most 100
    problems are returned.
    """
    from ._schema_problems import check as check_schema

    return check_schema(document, schema, code, at)


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks a JSON Schema. `unknown` and `missing` are keys of the mapping at `path`, `known`
    those that it may have."""

    path: Path
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def violations(value: Any, schema: Mapping[str, Any]) -> Iterator[Violation]:
    """Every violation of one of our schemas, for a reader that goes on without what is wrong; see `check`."""
    from ._schema_problems import violations as found

    return found(value, schema)


def nearest(word: str, words: Collection[str]) -> str | None:
    """The word that was probably meant, as help: "did you mean `x`?"; None when none is near."""
    close = nearest_word(word, words)
    return f"did you mean `{close}`?" if close else None


def nearest_word(word: str, words: Collection[str]) -> str | None:
    """The word that was probably meant; None when none is near."""
    import difflib

    close = difflib.get_close_matches(word[:100], words, 1, 0.6)
    return close[0] if close else None


def describe(value: Any) -> str:
    """A value in an error message: its kind, and the value itself when it is short."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {short(repr(value))}"
        case int() | float():
            return f"the number {value}"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def short(text: str, limit: int = 60) -> str:
    """`text`, cut to `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
