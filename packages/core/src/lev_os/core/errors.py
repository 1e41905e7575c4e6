"""What every part of Leviathan says when input is bad: what, where, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file. `line` and `column` count from 1, `column` in characters."""

    path: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.path or "<text>"]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `code` is stable (`FLW101`); `help` says the way out, when there is one."""

    code: str
    message: str
    at: Location = Location()
    help: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        text = f"{self.at} {self.code} {self.message}"
        return f"{text}\n    help: {self.help}" if self.help else text


class LevError(Exception):
    """Base of every error a user can cause. `exit_code` is the command's status (docs: exit codes).

    `retryable` says whether the same, tried again, may succeed.
    """

    exit_code = 2
    retryable = False

    def __init__(self, message: str, *, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return f"{self.message}\n    help: {self.help}" if self.help else self.message


class InvalidInput(LevError):
    """A document or value that cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
