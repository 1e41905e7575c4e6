"""Conversations that go on: the messages of an agent's runs, with what they are tainted by.

A thread on disk is a file of JSON lines that is only appended to, one line a run:
`{"run": …, "at": …, "labels": […], "messages": […]}`. A torn last line, of a process that was killed, is left out and
cut off by the next run; any other damage is refused with its place. What a person has approved happens once at most:
one run at a time goes on with a thread, and the answer is on the disk (`"answers": {id: true}`) before the call. An
answer that is of no question (the call was changed since) is void, and the call waits again (`"asked": [id]`).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from lev_os.core import InvalidInput, LevError, Problem, canonical
from lev_os.core.bidirectional.places import project_root
from lev_os.core.errors import Location
from lev_os.core.locks import lock
from lev_os.core.writing import make_folder, sync_folder
from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
)

from .events import ToAsk
from .gating.wire import decoded

_BEGUN = "A person approved this call and it was begun; what came of it is not known. Do not repeat it unasked."
_REFUSED = "A person refused this call."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_unicode(text: str) -> bool:
    """Whether a text has UTF-8: lone surrogates, of JSON escapes or of arguments in another encoding, have none."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def threads_folder(agent: str, root: Path | None = None) -> Path:
    """Where the conversations of an agent are kept on disk: `.lev/threads/AGENT` of the project."""
    return (root or project_root()) / ".lev" / "threads" / agent.replace("/", ".")


class ThreadBusy(LevError):
    """Another run, here or in another process, goes on with this thread."""

    exit_code = 3


class Thread:
    """One conversation. `Thread()` is kept in memory, `Thread.open(path)` on disk."""

    def __init__(self) -> None:
        self.messages: list[ModelMessage] = []
        self.labels: frozenset[str] = frozenset()
        self.answers: dict[str, bool] = {}
        """What a person has said of calls that have no result yet, by their ids."""
        self.path: Path | None = None
        self._torn: int | None = None
        """Where a torn last line begins."""
        self._read = 0
        """How many bytes of the file are in `messages`."""
        self._held = False

    @classmethod
    def named(cls, name: str, agent: str, root: Path | None = None) -> Thread:
        """The thread `.lev/threads/AGENT/NAME.jsonl` of the project; raises `LevError` for a bad name."""
        if not _NAME.fullmatch(name):
            raise LevError(f"{name!r} is no name of a thread", help="letters, digits, `.`, `_` and `-`")
        return cls.open(threads_folder(agent, root) / f"{name}.jsonl")

    @classmethod
    def open(cls, path: Path | str) -> Thread:
        """A thread on disk, new when there is no such file. Raises `InvalidInput` for one that is damaged."""
        thread = cls()
        thread.path = Path(path)
        thread._reload()
        return thread

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the thread alone, with what other processes have added to it. Raises `ThreadBusy`."""
        if self._held:
            raise ThreadBusy("another run goes on with this thread", help="wait for it, or close its stream")
        self._held = True
        try:
            with contextlib.closing(_Lock(self.path)) as lock:
                if lock.size is not None and lock.size != self._read:
                    self._reload()
                yield
        finally:
            self._held = False

    def add(self, run: str, messages: Sequence[ModelMessage], labels: frozenset[str]) -> None:
        """What a run has added. On disk before it returns; raises `LevError` when it cannot be written."""
        if messages:
            dumped = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json")
            self._write({"run": run, "labels": sorted(labels), "messages": dumped})
        self._extend(messages)
        self.labels |= labels

    def answer(self, answers: Mapping[str, bool]) -> None:
        """What a person says of calls that wait, before any of them is carried out. On disk before it returns."""
        self._write({"run": "", "labels": [], "messages": [], "answers": dict(answers)})
        self.answers |= answers

    def reopen(self, calls: Sequence[str]) -> None:
        """A person is asked about these calls again: what was said of them was of no question that they were asked."""
        again = [call for call in calls if call in self.answers]
        if again:
            self._write({"run": "", "labels": [], "messages": [], "asked": again})
            self._forget(again)

    def settle(self) -> None:
        """Close calls that were answered and whose run then ended without their results: nobody knows them by now."""
        left = [call for name, call in self._open_calls().items() if name in self.answers]
        if left:
            parts = [
                ToolReturnPart(
                    call.tool_name,
                    _BEGUN if self.answers[call.tool_call_id] else _REFUSED,
                    call.tool_call_id,
                    outcome="interrupted" if self.answers[call.tool_call_id] else "denied",
                )
                for call in left
            ]
            self.add("", [ModelRequest(parts=parts)], frozenset())

    @property
    def waiting(self) -> list[str]:
        """The ids of tool calls at the end that have no result yet, and that a person is asked about."""
        return [name for name in self._open_calls() if name not in self.answers]

    def to_ask(self) -> tuple[ToAsk, ...]:
        """The same calls, as a person is asked about them; why is not kept, so their `reason` is empty."""
        return tuple(
            ToAsk(id=name, tool=call.tool_name, arguments=decoded(call.args), reason="")
            for name, call in self._open_calls().items()
            if name not in self.answers
        )

    def _open_calls(self) -> dict[str, ToolCallPart]:
        open_calls: dict[str, ToolCallPart] = {}
        for message in self.messages:
            if isinstance(message, ModelResponse):
                open_calls.update({call.tool_call_id: call for call in message.tool_calls})
            elif isinstance(message, ModelRequest):
                for part in message.parts:
                    if isinstance(part, ToolReturnPart):
                        open_calls.pop(part.tool_call_id, None)
        return open_calls

    def _reload(self) -> None:
        assert self.path is not None
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise LevError(f"cannot read the thread {self.path}: {error.strerror}") from None
        self.messages, self.labels, self.answers, self._read = [], frozenset(), {}, len(data)
        *lines, last = data.split(b"\n")
        self._torn = len(data) - len(last) if last else None
        for number, line in enumerate(lines, 1):
            if line:
                self._take(line, number)

    def _take(self, line: bytes, number: int) -> None:
        try:
            record: Any = canonical.decode(line)
            messages = ModelMessagesTypeAdapter.validate_python(record["messages"])
            labels = frozenset(map(str, record["labels"]))
            answers = {str(name): bool(said) for name, said in record.get("answers", {}).items()}
            asked = [str(name) for name in record.get("asked", ())]
        except (msgspec.DecodeError, ValidationError, KeyError, TypeError, AttributeError, RecursionError) as error:
            at = Location(None if self.path is None else str(self.path), number)
            message = f"this line of the thread cannot be read: {str(error).splitlines()[0]}"
            raise InvalidInput([Problem("THR101", message, at, "move the file away to begin a new thread")]) from None
        self._extend(messages)
        self.labels |= labels
        self.answers |= answers
        self._forget(asked)

    def _forget(self, calls: Sequence[str]) -> None:
        for call in calls:
            self.answers.pop(call, None)

    def _extend(self, messages: Sequence[ModelMessage]) -> None:
        self.messages += messages
        for message in messages:
            if isinstance(message, ModelRequest):
                for part in message.parts:
                    if isinstance(part, ToolReturnPart):  # models give a later call the same id
                        self.answers.pop(part.tool_call_id, None)

    def _write(self, record: dict[str, Any]) -> None:
        if self.path is not None:
            self._append_line(canonical.encode({"at": time.time(), **record}) + b"\n")

    def _append_line(self, data: bytes) -> None:
        assert self.path is not None
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                if self._torn is not None:
                    file.truncate(self._torn)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if not self._read:
                    sync_folder(self.path.parent)
                self._torn, self._read = None, os.fstat(file.fileno()).st_size
        except OSError as error:
            raise LevError(f"the thread {self.path} cannot be written: {error.strerror}") from None


class _Lock:
    """An exclusive lock on the file of a thread, which is made when it is not there yet, and the file's size."""

    def __init__(self, path: Path | None) -> None:
        self.size: int | None = None
        self._descriptor: int | None = None
        if path is None:
            return
        try:
            make_folder(path.parent)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            lock(self._descriptor)
        except BlockingIOError:
            self.close()
            raise ThreadBusy(
                f"another process goes on with the thread {path}", help="wait for it, or take another thread"
            ) from None
        except OSError as error:
            self.close()
            raise LevError(f"the thread {path} cannot be locked: {error.strerror}") from None
        self.size = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
