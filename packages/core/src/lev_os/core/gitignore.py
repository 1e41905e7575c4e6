"""Which files git would ignore, by the `.gitignore` files above and beside them (gitignore(5)).

The last pattern that matches decides, deeper files go before those above them, and nothing inside an ignored folder
is looked at. A folder that was asked for itself is looked at though a file above it says otherwise. A repository inside
another one has its own patterns alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

_GIT = ".git"
NAME = ".gitignore"
NAMES = frozenset({_GIT, NAME})
"""What in a folder says that other patterns hold there than above it."""
_MAX_BYTES = 1_000_000
_BOM = "\xef\xbb\xbf"
_SPECIAL = frozenset("*?[\\")


@dataclass(frozen=True, slots=True)
class _Pattern:
    glob: str
    anchored: bool
    """Whether it is about paths, not about names at any depth."""
    again: bool
    """Whether it begins with `!`: what it matches is not ignored."""
    folders_only: bool
    expression: re.Pattern[str] | None
    """Of a glob that is more than a name, a path or an ending."""


class _Table:
    """Patterns in the order of their file, sorted by what it takes to match them: few need a regular expression."""

    def __init__(self, patterns: Iterable[_Pattern]) -> None:
        self._again: list[bool] = []
        self._names: dict[str, int] = {}
        self._paths: dict[str, int] = {}
        self._endings: dict[str, int] = {}
        self._others: list[tuple[int, re.Pattern[str]]] = []
        for place, pattern in enumerate(patterns):
            self._again.append(pattern.again)
            if pattern.expression is not None:
                self._others.append((place, pattern.expression))
            elif pattern.anchored:
                self._paths[pattern.glob] = place
            elif pattern.glob[0] == "*":
                self._endings[pattern.glob[1:]] = place
            else:
                self._names[pattern.glob] = place
        self._others.reverse()
        self._any_ending = tuple(self._endings)

    def __call__(self, path: str) -> bool | None:
        """Whether the path is ignored by the last pattern that matches it; None when none does."""
        name = path[path.rfind("/") + 1 :]
        last = max(self._names.get(name, -1), self._paths.get(path, -1))
        if name.endswith(self._any_ending):
            last = max(last, *(place for ending, place in self._endings.items() if name.endswith(ending)))
        for place, expression in self._others:
            if place < last:
                break
            if expression.fullmatch(path):
                last = place
                break
        return None if last < 0 else not self._again[last]


class _Patterns:
    """One file's patterns; `base` is its folder with a separator at the end.

    `everywhere`: they are no repository's, and hold in each.
    """

    def __init__(self, base: str, patterns: Iterable[_Pattern], *, everywhere: bool = False) -> None:
        every = tuple(patterns)
        self.base = base
        self.everywhere = everywhere
        self.folders = _Table(every)
        self.files = _Table(pattern for pattern in every if not pattern.folders_only)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns that hold in one folder, the deepest file first.

    `sources` are the files that were looked for them, with patterns or without, there or not.
    """

    stack: tuple[_Patterns, ...] = ()
    sources: tuple[str, ...] = ()

    def __call__(self, path: str, *, folder: bool) -> bool:
        """Whether git ignores a file or folder right inside the folder that this is for; `path` is absolute."""
        for patterns in self.stack:
            name = _as_bytes(path[len(patterns.base) :].replace(os.sep, "/"))
            verdict = (patterns.folders if folder else patterns.files)(name)
            if verdict is not None:
                return verdict
        return False

    def inside(self, folder: str) -> Ignored:
        """The patterns that hold in a folder below, its own file's among them."""
        above = self
        if os.path.lexists(os.path.join(folder, _GIT)):
            kept = tuple(patterns for patterns in self.stack if patterns.everywhere)
            above = Ignored(kept, self.sources)._with(folder, _exclude_of(folder))
        return above._with(folder, os.path.join(folder, NAME))

    def _with(self, base: str, file: str) -> Ignored:
        patterns = _read(file)
        more = (_Patterns(os.path.join(base, ""), patterns),) if patterns else ()
        return Ignored((*more, *self.stack), (*self.sources, file))


def ignored_in(folder: str) -> Ignored:
    """What the files above a folder that was asked for say: none of it when they ignore the folder itself.

    What it says itself is added by `inside`.
    """
    above: list[str] = []
    top = folder
    while not os.path.lexists(os.path.join(top, _GIT)):
        above.append(top)
        top, below = os.path.dirname(top), top
        if top == below:  # no repository
            return Ignored()
    found = Ignored()
    for path in reversed(above):
        found = found.inside(os.path.dirname(path))
        if found(path, folder=True):
            return Ignored((), found.sources)
    return found


def patterns_of(base: str, lines: Iterable[str]) -> Ignored:
    """Patterns that stand in no file, relative to the folder `base`."""
    return Ignored((_Patterns(os.path.join(base, ""), _patterns(map(_as_bytes, lines)), everywhere=True),))


def _exclude_of(top: str) -> str:
    """The patterns of a repository that are in none of its folders. In a worktree and a submodule, `.git` is a file."""
    git = os.path.join(top, _GIT)
    if said := _first_line(git).removeprefix("gitdir: "):
        git = os.path.join(top, said)
        git = os.path.join(git, _first_line(os.path.join(git, "commondir")))
    return os.path.join(git, "info", "exclude")


def _first_line(file: str) -> str:
    """Without its end; nothing when there is no such file."""
    if not os.path.isfile(file):
        return ""
    try:
        with open(file, "rb") as stream:
            return os.fsdecode(stream.readline(_MAX_BYTES)).rstrip("\r\n")
    except OSError:
        return ""


def _read(file: str) -> tuple[_Pattern, ...]:
    """The patterns of one file; none when it cannot be read. Git follows no link that is called `.gitignore`."""
    try:
        status = os.lstat(file) if file.endswith(NAME) else os.stat(file)
        if not stat.S_ISREG(status.st_mode):
            return ()
        with open(file, "rb") as stream:
            text = stream.read(_MAX_BYTES).decode("latin-1")
    except (OSError, ValueError):  # a path with a NUL
        return ()
    return tuple(_patterns(text.removeprefix(_BOM).split("\n")))


def _patterns(lines: Iterable[str]) -> Iterable[_Pattern]:
    for one in lines:
        line = _without_trailing_spaces(one.removesuffix("\r"))
        if not line or line.startswith("#"):
            continue
        again = line.startswith("!")
        line = line[1:] if again else line
        folders_only = line.endswith("/")
        line = line[:-1] if folders_only else line
        if line:
            glob, anchored = line.removeprefix("/"), "/" in line
            plain = _SPECIAL.isdisjoint(glob) or (not anchored and glob[0] == "*" and _SPECIAL.isdisjoint(glob[1:]))
            written = None if plain else _expression(glob if anchored else f"**/{glob}")
            expression = None if written is None else re.compile(written, re.DOTALL | re.ASCII)
            yield _Pattern(glob, anchored, again, folders_only, expression)


def _as_bytes(text: str) -> str:
    """The text's bytes, each as one character: git matches bytes."""
    return text if text.isascii() else os.fsencode(text).decode("latin-1")


def _without_trailing_spaces(line: str) -> str:
    bare = line.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if escapes % 2 and len(line) > len(bare) else bare


def _expression(glob: str) -> str:
    """A glob as a regular expression that takes no more than (pattern × path) steps on any path.

    What stands before a later star has to be found once only, at the first place where it fits: another place leaves
    the rest no more room. So all but the last of these groups are atomic.
    """
    *groups, last = _groups(glob)
    if not groups:
        return last
    first, *between = groups
    return first + "".join(f"(?>(?:[^/]*/)*?{group})" for group in between) + "(?:.*/)?" + last


def _groups(glob: str) -> list[str]:
    """The expressions of what stands around each `**/`."""
    literal = next((at for at, character in enumerate(glob) if character in _SPECIAL), len(glob))
    groups: list[str] = []
    segments: list[str] = []
    chunks = [""]
    at = 0
    while at < len(glob):
        character = glob[at]
        if character == "*":
            stars = at
            while glob.startswith("*", at):
                at += 1
            # Git compares the literal start by itself, so stars right behind it stand at the beginning for it.
            if at - stars > 1 and (stars == literal or glob[stars - 1] == "/"):
                if glob.startswith(("/", "\\/"), at):
                    groups.append("".join(segments) + _segment(chunks))
                    chunks = [""]
                    segments = ["[^/]*/"] if glob[at] == "\\" else []  # only the bare slash may stand for no folder
                    at += 1 + len(segments)
                    continue
                if at == len(glob):
                    chunks[-1] += ".*"
                    break
            chunks.append("")
            continue
        if character == "/":
            segments.append(_segment(chunks) + "/")
            chunks = [""]
        elif character == "?":
            chunks[-1] += "[^/]"
        elif character == "[":
            found, at = _set(glob, at)
            chunks[-1] += found
        elif character == "\\":
            at += 1
            chunks[-1] += re.escape(glob[at]) if at < len(glob) else "(?!)"
        else:
            chunks[-1] += re.escape(character)
        at += 1
    return [*groups, "".join(segments) + _segment(chunks)]


def _segment(chunks: list[str]) -> str:
    """A name of a path, of what stands around its stars."""
    if len(chunks) == 1:
        return chunks[0]
    first, *between, last = chunks
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in between) + "[^/]*" + last


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
