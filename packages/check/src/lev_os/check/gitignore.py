"""Which files git would ignore, by the `.gitignore` files above and beside them (gitignore(5)).

The last pattern that matches decides, deeper files go before those above them, and nothing inside an ignored folder
is looked at. A folder that was asked for itself is looked at though a file above it says otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

_GIT = ".git"
NAME = ".gitignore"
_MAX_BYTES = 1_000_000
_BOM = "\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Pattern:
    matches: re.Pattern[str]
    again: bool
    """Whether it begins with `!`: what it matches is not ignored."""
    folders_only: bool


@dataclass(frozen=True, slots=True)
class _Patterns:
    """One file's patterns; `base` is its folder with a separator at the end."""

    base: str
    patterns: tuple[_Pattern, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns that hold in one folder, the deepest file first.

    `sources` are the files that were looked for them, with patterns or without, there or not.
    """

    stack: tuple[_Patterns, ...] = ()
    sources: tuple[str, ...] = ()

    def __call__(self, path: str, *, folder: bool) -> bool:
        """Whether git ignores a file or folder right inside the folder that this is for."""
        for patterns in self.stack:
            name = _as_bytes(path[len(patterns.base) :].replace(os.sep, "/"))
            for pattern in reversed(patterns.patterns):
                if (folder or not pattern.folders_only) and pattern.matches.fullmatch(name):
                    return not pattern.again
        return False

    def inside(self, folder: str) -> Ignored:
        """The patterns that hold in a folder below, its own file's among them."""
        return self._with(folder, os.path.join(folder, NAME))

    def _with(self, base: str, file: str) -> Ignored:
        patterns = read_patterns(file)
        more = (_Patterns(os.path.join(base, ""), patterns),) if patterns else ()
        return Ignored((*more, *self.stack), (*self.sources, file))


def ignored_in(folder: str) -> Ignored:
    """What the files above a folder that was asked for say: none of it when they ignore the folder itself."""
    above: list[str] = []
    top = folder
    while not os.path.lexists(os.path.join(top, _GIT)):
        above.append(top)
        top, below = os.path.dirname(top), top
        if top == below:  # no repository
            return Ignored()
    found = Ignored()._with(top, os.path.join(top, _GIT, "info", "exclude"))
    for path in reversed(above):
        found = found.inside(os.path.dirname(path))
        if found(path, folder=True):
            return Ignored((), found.sources)
    return found


def patterns_of(base: str, lines: Iterable[str]) -> Ignored:
    """Patterns that stand in no file, relative to the folder `base`."""
    return Ignored((_Patterns(os.path.join(base, ""), tuple(_patterns(map(_as_bytes, lines)))),))


def read_patterns(file: str) -> tuple[_Pattern, ...]:
    """The patterns of one file; none when it cannot be read."""
    try:
        with open(file, "rb") as stream:
            text = stream.read(_MAX_BYTES).decode("latin-1")
    except OSError:
        return ()
    return tuple(_patterns(text.removeprefix(_BOM).split("\n")))


def _patterns(lines: Iterable[str]) -> Iterable[_Pattern]:
    for written in lines:
        line = _without_trailing_spaces(written.removesuffix("\r"))
        if not line or line.startswith("#"):
            continue
        again = line.startswith("!")
        line = line[1:] if again else line
        folders_only = line.endswith("/")
        line = line[:-1] if folders_only else line
        if not line:
            continue
        anchored = "/" in line
        try:
            expression = re.compile(
                ("" if anchored else "(?:.*/)?") + _expression(line.removeprefix("/")), re.DOTALL | re.ASCII
            )
        except re.error:
            continue  # git matches nothing with it either
        yield _Pattern(expression, again, folders_only)


def _as_bytes(text: str) -> str:
    """The text's bytes, each as one character: git matches bytes."""
    return text if text.isascii() else os.fsencode(text).decode("latin-1")


def _without_trailing_spaces(line: str) -> str:
    bare = line.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if escapes % 2 and len(line) > len(bare) else bare


def _expression(glob: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(glob):
        character = glob[at]
        if glob.startswith("**", at) and (at == 0 or glob[at - 1] == "/"):
            if glob.startswith("/", at + 2):
                parts.append("(?:.*/)?")
                at += 3
                continue
            if at + 2 == len(glob):
                parts.append(".+")
                break
        if character == "*":
            while glob.startswith("*", at + 1):
                at += 1
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            found, at = _set(glob, at)
            parts.append(found)
        elif character == "\\":
            at += 1
            parts.append(re.escape(glob[at]) if at < len(glob) else "(?!)")
        else:
            parts.append(re.escape(character))
        at += 1
    return "".join(parts)


_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "digit": "0-9",
    "graph": r"\x21-\x7e", "lower": "a-z", "print": r"\x20-\x7e", "punct": r"!-/:-@\[-`{-~", "space": r"\s",
    "upper": "A-Z", "xdigit": "0-9a-fA-F",
}  # fmt: skip


def _set(glob: str, start: int) -> tuple[str, int]:
    """`[…]` as a regular expression, and where it ends; without an end nothing matches, as in git."""
    at = start + 1
    negated = glob[at : at + 1] in ("!", "^")
    at += negated
    items: list[str] = []
    first = True
    while True:
        if at >= len(glob):
            return "(?!)", len(glob)
        character = glob[at]
        if character == "]" and not first:
            break
        first = False
        if glob.startswith("[:", at) and (end := glob.find(":]", at + 2)) > 0:
            items.append(_CLASSES.get(glob[at + 2 : end], ""))
            at = end + 2
            continue
        low, at = _one(glob, at)
        if glob.startswith("-", at) and glob[at + 1 : at + 2] not in ("]", ""):
            high, at = _one(glob, at + 1)
            if low <= high:
                items.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            items.append(re.escape(low))
    inside = "".join(items)
    if negated:
        return f"(?!/)[^{inside}]" if inside else "[^/]", at
    return f"(?!/)[{inside}]" if inside else "(?!)", at


def _one(glob: str, at: int) -> tuple[str, int]:
    if glob[at] == "\\" and at + 1 < len(glob):
        return glob[at + 1], at + 2
    return glob[at], at + 1
