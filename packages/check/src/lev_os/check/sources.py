"""The texts that a report is about, read again to show or to compare lines of them."""

from __future__ import annotations

import os

from .files import File
from .reading import Unreadable, decode, read_bytes


class Sources:
    """Files by the names in a report, which are relative to `root`. One that cannot be read is empty."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)
        self._sources: dict[str, Source] = {}

    def __getitem__(self, name: str) -> Source:
        if name not in self._sources:
            path = os.path.join(self._root, name)
            try:
                text = decode(read_bytes(path)[0])
            except Unreadable:
                text = ""
            self._sources[name] = Source(File(path, name, "", text))
        return self._sources[name]


class Source:
    """A file and its lines."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._lines = file.text.split("\n")

    def line(self, number: int) -> str:
        """A line by its number, from 1; empty for one that is not there."""
        return self._lines[number - 1].removesuffix("\r") if 0 < number <= len(self._lines) else ""
