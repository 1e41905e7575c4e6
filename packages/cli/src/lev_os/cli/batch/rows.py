"""The output file of a batch: one JSON line for each input, appended as it is answered.

A line is written by one system call and counts only with its line feed, so a kill at any moment leaves at most a
torn last line, which the next start cuts off. One process writes at a time (an advisory lock on the file).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from lev_os.core.errors import InvalidInput, Location, Problem

from ..errors import Failed, UsageProblem


class Rows:
    """The open output file; `done` maps the index of each answered input to its row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[int, Mapping[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as problem:
            raise UsageProblem(f"{path} cannot be written: {problem.strerror}", help="check --out") from None
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise UsageProblem(f"{path} is not a plain file", help="give --out the name of a file")
            self._lock()
            self._end = self._read()
        except BaseException:
            os.close(self._file)
            raise

    def check(self, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Refuse to go on with rows that answer other inputs than these."""
        for index, row in self.done.items():
            if index >= len(inputs) or row.get("input") != inputs[index]:
                raise UsageProblem(
                    f"{self.path} answers other inputs: its row {index} is not for input {index} of this file",
                    help="give --out another name, or put the first input file back",
                )

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row; when the disk is full nothing of it stays, and the batch can go on later."""
        line = msgspec.json.encode(row) + b"\n"
        try:
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, self._end)
                raise Failed(f"{self.path}: No space left on device", help="free some space and give the command again")
        except OSError as problem:
            raise Failed(
                f"{self.path}: {problem.strerror}", help="free some space and give the command again: it goes on here"
            ) from None
        self._end += len(line)
        self.done[row["index"]] = row

    def close(self) -> None:
        """Put all on disk and release the lock."""
        if os.fstat(self._file).st_size:
            os.fsync(self._file)
        os.close(self._file)

    def __enter__(self) -> Rows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        from lev_os.core.locks import lock

        try:
            lock(self._file)
        except OSError:
            raise UsageProblem(
                f"another `lev run` is writing {self.path}", help="wait for it, or give --out another name"
            ) from None

    def _read(self) -> int:
        """Read what is there, cut a torn last line off, and return where the file ends."""
        data = self.path.read_bytes()
        end = data.rfind(b"\n") + 1
        problems = []
        for number, line in enumerate(data[:end].split(b"\n")[:-1], 1):
            problem = self._take(line)
            if problem:
                problems.append(Problem("LEV011", problem, Location(str(self.path), number, 1), _OTHER))
        if problems:
            raise InvalidInput(problems[:20])
        if end < len(data):
            os.ftruncate(self._file, end)
        return end

    def _take(self, line: bytes) -> str | None:
        try:
            row = msgspec.json.decode(line)
        except msgspec.DecodeError as problem:
            return f"not JSON: {problem}"
        index = row.get("index") if isinstance(row, dict) else None
        if not isinstance(index, int):
            return "not a row of a batch: it has no index"
        if index in self.done:
            return f"input {index} is answered a second time"
        self.done[index] = row
        return None


_OTHER = "this is not the output of a batch that was killed; give --out another name"
