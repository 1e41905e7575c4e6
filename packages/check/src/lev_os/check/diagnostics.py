"""What a check says: diagnostics with their place and their mending, and the report that holds them."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]
Confidence = Literal["high", "medium", "low"]


class Edit(msgspec.Struct, frozen=True):
    """Replace the characters `start` to `end` of a file's text, counted from 0, with `text`."""

    start: int
    end: int
    text: str


class Fix(msgspec.Struct, frozen=True):
    """How to mend a finding. A safe fix cannot change what a program or a model is told; others want to be read."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = True


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding in a file. Lines and columns count from 1, columns in characters; the end is exclusive.

    `code` is stable: a family of three letters and three digits. `confidence` says how often such a finding is
    right, apart from how bad it is when it is (`severity`). A `hard` one cannot be suppressed.
    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    help: str | None = None
    confidence: Confidence = "high"
    fix: Fix | None = None
    hard: bool = False


class NotChecked(msgspec.Struct, frozen=True):
    """A file or folder that could not be checked, or not wholly, and why."""

    file: str
    reason: str


class Report(msgspec.Struct, frozen=True):
    """All that a check found, in the order of files and places. `checked` counts the files that were read.

    `suppressed` counts the findings that a comment, the configuration or a baseline has answered for.
    """

    diagnostics: tuple[Diagnostic, ...]
    checked: int
    not_checked: tuple[NotChecked, ...] = ()
    suppressed: int = 0

    def count(self, severity: Severity) -> int:
        """How many diagnostics are of this severity."""
        return sum(diagnostic.severity == severity for diagnostic in self.diagnostics)
