"""How far a batch is, on stderr: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..output import note

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_EVERY = 5.0
"""Seconds between two plain lines."""


class Progress:
    """Counts answered inputs."""

    def __init__(self, total: int, done: int) -> None:
        self._total = total
        self._start = self._done = done
        self._status: Counter[str] = Counter()
        self._began = self._said = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("answered"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}"),
                console=Console(stderr=True),
            )
            try:
                self._bar.start()
            except BaseException:  # Ctrl-C while it starts: the cursor comes back
                self._bar.stop()
                raise
            self._task = self._bar.add_task("", total=self._total, completed=self._done, status="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def take(self, row: Mapping[str, Any]) -> None:
        """One more row."""
        self._done += 1
        self._status[row["status"]] += 1
        told = ", ".join(f"{count} {name}" for name, count in self._status.most_common())
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, status=told)
            return
        now = time.monotonic()
        if now - self._said >= _EVERY or self._done == self._total:
            self._said = now
            rate = (self._done - self._start) / max(now - self._began, 1e-9)
            note(f"answered {self._done} of {self._total} ({told}; {rate:.1f} per second)")
