"""Where each key of a TOML document stands. `tomllib` keeps no positions, so this reads the text once more.

It takes text that `tomllib` has accepted and therefore checks nothing; it only has to know where strings,
comments and brackets begin and end.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_ATOM = re.compile(r"[^,\]}\n#]*")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return match[0]

    def looking_at(self, start: str) -> bool:
        return self.text.startswith(start, self.at)

    def key(self, base: Path) -> Path:
        """A dotted key; every part of it is found where it is first named."""
        while True:
            self.take(_SPACE)
            start = self.at
            quoted = self.text[start] in "\"'"
            part = _unquote(self.take(_STRING)) if quoted else self.take(_BARE)
            base = (*base, part)
            self.found.setdefault(base, start)
            self.take(_SPACE)
            if not self.looking_at("."):
                return base
            self.at += 1

    def value(self, path: Path) -> None:
        self.take(_SPACE)
        opening = self.text[self.at : self.at + 1]
        if opening and opening in "\"'":
            self.take(_STRING)
        elif opening == "[":
            self.at += 1
            index = 0
            while not self.closed("]"):
                self.found.setdefault((*path, index), self.at)
                self.value((*path, index))
                index += 1
        elif opening == "{":
            self.at += 1
            while not self.closed("}"):
                self.pair(path)
        else:
            self.take(_ATOM)

    def closed(self, bracket: str) -> bool:
        """Skip blanks and one comma; step over the closing bracket if it is next."""
        self.take(_BLANK)
        if self.looking_at(","):
            self.at += 1
            self.take(_BLANK)
        if self.looking_at(bracket):
            self.at += 1
            return True
        return False

    def pair(self, base: Path) -> None:
        path = self.key(base)
        self.at += 1  # =
        self.value(path)

    def document(self) -> None:
        table: Path = ()
        tables: dict[Path, int] = {}
        while True:
            self.take(_BLANK)
            if self.at >= len(self.text):
                return
            if self.looking_at("[["):
                self.at += 2
                table = self.key(())
                tables[table] = tables.get(table, -1) + 1
                table = (*table, tables[table])
                self.at += 2
            elif self.looking_at("["):
                self.at += 1
                table = self.key(())
                self.at += 1
            else:
                self.pair(table)


def _unquote(literal: str) -> str:
    if literal[0] == "'":
        return literal[1:-1]
    if "\\" not in literal:
        return literal[1:-1]
    import tomllib

    value: str = tomllib.loads(f"k = {literal}")["k"]
    return value


def key_positions(text: str) -> dict[Path, tuple[int, int]]:
    """The (line, column) of every key, by its path; elements of arrays by their index."""
    reader = _Reader(text)
    reader.document()
    starts = [0]
    starts.extend(match.end() for match in re.finditer("\n", text))
    from bisect import bisect_right

    places = {}
    for path, at in reader.found.items():
        line = bisect_right(starts, at)
        places[path] = (line, at - starts[line - 1] + 1)
    return places
