"""The lines that a person types in a conversation: edited at the terminal, and remembered for the next one.

Where stdin is no terminal a line is a line: nothing is edited, remembered or read back.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

MOST: Final = 1000
"""Lines that are read back."""


class Lines:
    """Reads what is typed. What is `kept` of it lies in `file`, for its owner alone, one JSON string a line."""

    def __init__(self, file: Path) -> None:
        self.typed: list[str] = []
        """The latest of this conversation and of those before it, the oldest first."""
        self._file = file
        self._last: str | None = None
        self._edited = False
        if sys.stdin.isatty():
            self.typed = _read_back(file)
            self._last = self.typed[-1] if self.typed else None
            with contextlib.suppress(ImportError):  # Windows, whose console edits lines by itself
                import readline

                readline.set_auto_history(False)  # a yes to a question is no line to come back to
                for line in self.typed:
                    readline.add_history(line)
                self._edited = True

    def read(self, prompt: str) -> str:
        """A line, without the spaces around it; a pipe gets no prompt. Raises `EOFError` at the end."""
        if sys.stdin.isatty():
            return input(prompt).strip()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def remember(self, line: str) -> None:
        """Have a line at hand for the rest of the conversation."""
        if not sys.stdin.isatty() or self.typed[-1:] == [line]:
            return
        self.typed.append(line)
        if self._edited:
            import readline

            readline.add_history(line)

    def keep(self, line: str) -> None:
        """Have it at hand in later conversations too; a disk that takes nothing is no reason to stop talking."""
        if sys.stdin.isatty() and line != self._last:
            with contextlib.suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
                    file.write(msgspec.json.encode(line) + b"\n")
                self._last = line


def _read_back(file: Path) -> list[str]:
    """The latest lines; what is damaged is left out."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        for line in file.read_bytes().splitlines()[-MOST:]:
            with contextlib.suppress(msgspec.DecodeError):
                lines.append(msgspec.json.decode(line, type=str))
    return lines
