"""Tessl's tiles: `tile.json` with `docs` (an entry page, and the pages beside it), `steering` rules and `skills`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError

from .taken import Head, Taken, files_named, head_of, text_of

__all__ = ["read"]

_KNOWN = frozenset({"name", "version", "summary", "docs", "steering", "rules", "skills", "private", "repository"})


def read(path: Path) -> Taken:
    """The tile whose `tile.json` is `path`, or lies in it."""
    root = path if path.is_dir() else path.parent
    file = root / "tile.json"
    if not file.is_file():
        raise LevError(f"there is no tile.json in {root}")
    try:
        data = json.loads(text_of(file))
    except ValueError as error:
        raise LevError(f"{file} is not JSON: {error}") from None
    if not isinstance(data, Mapping):
        raise LevError(f"{file} is not an object")
    name = str(data.get("name") or root.resolve().name)
    taken = Taken(name.rpartition("/")[2], str(data.get("summary") or ""), str(data.get("version") or "0.1.0"))
    if data.get("describes"):
        taken.note("tile.json", f"`describes: {data['describes']}` is not taken: require that package")
    for key in data:
        if key not in _KNOWN and key != "describes":
            taken.note("tile.json", f"`{key}` is not taken")
    if isinstance(data.get("docs"), str):
        _docs(root, data["docs"], taken)
    for group in ("steering", "rules"):
        for rule, place in _places(data.get(group), "rules"):
            _rule(root, rule, place, taken)
    for skill, place in _places(data.get("skills"), "path"):
        if (found := _inside(root, place, taken)) is not None:
            taken.skill(found.parent, place, name=skill)
    return taken


def _places(value: Any, key: str) -> list[tuple[str, str]]:
    """Names and paths: `{name: path}` or `{name: {key: path}}`."""
    found = []
    for name, item in value.items() if isinstance(value, Mapping) else ():
        place = item.get(key, item.get("path")) if isinstance(item, Mapping) else item
        if isinstance(place, str):
            found.append((str(name), place))
    return found


def _inside(root: Path, place: str, taken: Taken) -> Path | None:
    file = (root / place).resolve()
    if not file.is_file() or not file.is_relative_to(root.resolve()):
        taken.note(place, "not taken: there is no such file in the tile")
        return None
    return file


def _docs(root: Path, entry: str, taken: Taken) -> None:
    first = _inside(root, entry, taken)
    if first is None:
        return
    # In this order, so that the entry page keeps its name where another is called the same.
    pages = [first, *(page for page in files_named(first.parent, "*.md") if page != first)]
    for page in pages:
        where = page.resolve().relative_to(root.resolve()).as_posix()
        if page.name == "SKILL.md" or (head := head_of(page, taken, where)) is None:
            continue
        name = "index" if page is first else page.relative_to(first.parent).as_posix().removesuffix(".md")
        taken.context(name, head.body, Head(str(head.data.get("description") or _title(head.body))), where)


def _rule(root: Path, name: str, place: str, taken: Taken) -> None:
    file = _inside(root, place, taken)
    if file is None or (head := head_of(file, taken, place)) is None:
        return
    described = Head(str(head.data.get("description") or _title(head.body)), metadata={"lev-priority": "90"})
    taken.context(name, head.body, described, place)


def _title(body: str) -> str:
    """The first heading."""
    return next((line.lstrip("# ").strip() for line in body.splitlines() if line.startswith("#")), "")
