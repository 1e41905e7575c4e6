"""What may be written at the cursor of a `lev.toml`: tables, keys, conditions, and files of the package.

A line that is being written does not parse, so the table it is in is found by its header alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from . import schema_walk

_FORMAT = "lev.toml"
_HEADER = re.compile(r"^[ \t]*\[([^\[\]\n]+)\][ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*([\w-]*)\Z")
_TABLE = re.compile(r"^[ \t]*\[([\w.-]*)\Z")
_INLINE = re.compile(r"^[ \t]*(?P<key>\"[^\"]*\"|[\w-]+)[ \t]*=[ \t]*\{(?P<inside>[^{}]*)\Z")
_FILE = re.compile(r"=[ \t]*(?:\{.*)?\"(\./[^\"]*)\Z|=[ \t]*\"(\./[^\"]*)\Z")
_MAX_FILES = 500

Proposal = tuple[str, str, int]
"""The text, what is said about it, and how many characters before the cursor it replaces."""


def proposals(text: str, offset: int, root: Path) -> list[Proposal]:
    """What fits at `offset`, the best first; `root` is the package's folder."""
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    if file := _FILE.search(before):
        typed = file[1] or file[2]
        return [(name, "", len(typed)) for name in _files(root) if name.startswith(typed)]
    table = _table(text[: offset - len(before)])
    if opened := _TABLE.match(before):
        return [(f"[{name}]", about, len(opened[1]) + 1) for name, about in _tables() if name.startswith(opened[1])]
    if inline := _INLINE.match(before):
        written = set(re.findall(r"([\w-]+)[ \t]*=", inline["inside"]))
        typed = re.split(r"[,\s]", inline["inside"])[-1]
        path = (*table, inline["key"].strip('"'))
        return [] if "=" in typed else _keys(path, typed, written)
    if (key := _KEY.match(before)) is not None:
        return _keys(table, key[1], _written(text, offset))
    return []


def _keys(path: tuple[str, ...], typed: str, written: set[str]) -> list[Proposal]:
    return [
        (f"{key} = ", str(schema.get("description") or ""), len(typed))
        for key, schema in schema_walk.properties(_FORMAT, {}, path).items()
        if key.startswith(typed) and key not in written and not _is_table(schema)
    ]


def _tables() -> Iterator[tuple[str, str]]:
    for name, schema in schema_walk.properties(_FORMAT, {}, ()).items():
        if _is_table(schema):
            yield name, str(schema.get("description") or "")


def _is_table(schema: object) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object"


def _table(text: str) -> tuple[str, ...]:
    """The path of the table that the end of a text is in."""
    found = list(_HEADER.finditer(text))
    if not found:
        return ()
    try:
        data = tomllib.loads(f"[{found[-1][1]}]")
    except ValueError:
        return ()
    path: list[str] = []
    while data:
        ((name, data),) = data.items()
        path.append(name)
    return tuple(path)


def _written(text: str, offset: int) -> set[str]:
    """The keys that the table around the cursor has."""
    start = max((match.end() for match in _HEADER.finditer(text, 0, offset)), default=0)
    end = next((match.start() for match in _HEADER.finditer(text, offset)), len(text))
    return set(re.findall(r"^[ \t]*([\w-]+)[ \t]*=", text[start:end], re.MULTILINE))


def _files(root: Path) -> Iterator[str]:
    """The files of a package that a target may name."""
    count = 0
    for path in sorted(root.rglob("*")):
        if path.suffix in {".md", ".yaml", ".yml", ".json"} and path.is_file():
            yield f"./{path.relative_to(root).as_posix()}"
            count += 1
            if count >= _MAX_FILES:
                return
