"""Where pointers go: into the AGENTS.md of the deepest folder that holds all files they are about, by one walk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..target import Pointer, Rendered

__all__ = ["all_blocks"]

_FILE = "AGENTS.md"
_HEAD = "Before you change files like these, read:\n"
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "build", "dist", "target"})
_MAX_DEPTH = 100


def all_blocks(base: str, rendered: Rendered) -> Mapping[str, str]:
    """The blocks of a rendering, with its pointers in them."""
    if not rendered.pointers:
        return rendered.blocks
    lines: dict[str, list[str]] = {}
    for pointer, folder in zip(rendered.pointers, _folders(base, rendered.pointers), strict=True):
        lines.setdefault(f"{folder}/{_FILE}" if folder else _FILE, []).append(pointer.line)
    blocks = dict(rendered.blocks)
    for path, its in sorted(lines.items()):
        text = _HEAD + "".join(f"\n{line}" for line in its)
        blocks[path] = f"{blocks[path]}\n\n{text}" if path in blocks else text
    return blocks


@dataclass(slots=True)
class _Search:
    """The files that match one pointer so far: `common` is the folder that holds them all, None before the first."""

    matches: re.Pattern[str]
    least: str
    """The folder that every match lies below, by the pattern alone: no walk finds a higher one."""
    common: str | None = None

    @property
    def done(self) -> bool:
        return self.common is not None and self.common == self.least

    def add(self, folder: str) -> None:
        self.common = folder if self.common is None else _shared((self.common, folder))


def _folders(base: str, pointers: Sequence[Pointer]) -> list[str]:
    """For each pointer a folder below `base`; `base` itself (the empty name) where nothing matches."""
    every = [
        _Search(re.compile("|".join(map(_pattern, pointer.globs))), _shared([_literal(glob) for glob in pointer.globs]))
        for pointer in pointers
    ]
    _walk(base, "", every, 0)
    return [search.common or "" for search in every]


def _walk(path: str, folder: str, searches: Sequence[_Search], depth: int) -> None:
    searches = [search for search in searches if not search.done and _may_match(search.least, folder)]
    if not searches or depth > _MAX_DEPTH:
        return
    folders = []
    prefix = f"{folder}/" if folder else ""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not name.startswith(".") and name not in _SKIPPED:
                        folders.append(name)
                elif name != _FILE:
                    for search in searches:
                        if not search.done and search.common != folder and search.matches.fullmatch(prefix + name):
                            search.add(folder)
    except OSError:  # what cannot be listed holds nothing that a pointer could be about
        return
    for name in folders:
        _walk(f"{path}{os.sep}{name}", prefix + name, searches, depth + 1)


def _may_match(least: str, folder: str) -> bool:
    """Whether files at or below `folder` can lie below `least`."""
    return not least or not folder or f"{folder}/".startswith(f"{least}/") or least.startswith(f"{folder}/")


def _shared(folders: Sequence[str]) -> str:
    parts = [folder.split("/") for folder in folders]
    common = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/".join(common)


def _literal(glob: str) -> str:
    """The folders that a glob names before its first wildcard."""
    names = glob.split("/")[:-1]
    plain = []
    for name in names:
        if any(c in name for c in "*?[{"):
            break
        plain.append(name)
    return "/".join(plain)


def _pattern(glob: str) -> str:
    """A glob as a regular expression: `*`, `?`, `**`, `{a,b}`, `[a-z]`; one without a slash matches in any folder."""
    glob = glob.removeprefix("./")
    if "/" not in glob:
        glob = f"**/{glob}"
    if glob.endswith("/"):
        glob += "**"
    return "".join(_translated(glob))


def _translated(glob: str) -> Iterator[str]:
    at, braces = 0, 0
    while at < len(glob):
        rest = glob[at:]
        if rest.startswith("**/"):
            yield "(?:[^/]+/)*"
            at += 3
        elif rest.startswith("**"):
            yield ".*"
            at += 2
        elif found := re.match(r"\[!?[^\]/\\]+\]", rest):
            yield found[0].replace("[!", "[^")
            at += len(found[0])
        else:
            opens, closes = rest[0] == "{" and "}" in rest, rest[0] == "}" and braces > 0
            braces += opens - closes
            if opens or closes or (rest[0] == "," and braces):
                yield {"{": "(?:", "}": ")", ",": "|"}[rest[0]]
            else:
                yield {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0]))
            at += 1
