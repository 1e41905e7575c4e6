"""A session's log: what it was bound to when, its checkpoints, and how it was handed on. Append-only JSON lines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from lev_os.core import LevError, canonical
from lev_os.core.locks import lock
from lev_os.core.writing import make_folder, sync_folder

from .binding import Binding
from .handoff import FileRef, HandOff, MemoryRef

Event = Literal["bound", "switched", "checkpoint", "handed_off", "taken_up"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `binding` comes with `bound`, `switched` and `taken_up`; a `checkpoint` has what stands at it."""

    event: Event
    binding: Binding | None = None
    why: str = ""
    decided: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    files: tuple[FileRef, ...] = ()
    memory: tuple[MemoryRef, ...] = ()
    packet: HandOff | None = None


class SessionBusy(LevError):
    """Another process has this session open."""

    exit_code = 3


class Session:
    """One session, open for writing by one process at a time. Every entry is on disk before its method returns.

    Made by `open` or `take_up`; `close`, or leaving it as a context manager, lets others have it.
    """

    def __init__(self, path: Path, descriptor: int, entries: list[Entry]) -> None:
        self.path = path
        self._descriptor = descriptor
        self._entries = entries

    @classmethod
    def open(cls, path: Path | str, binding: Binding | None = None, *, why: str = "") -> Session:
        """Open the session at `path`; a new one needs the binding that it begins with.

        A half-written last line, of a process that was killed, is dropped. Raises `SessionBusy`, and `LevError` for a
        log that is damaged, for a new session without a binding, and for an old one that is given another.
        """
        self = cls._opened(Path(path))
        try:
            if not self._entries:
                if binding is None:
                    raise LevError(f"{path}: there is no such session", help="bind an agent to begin one")
                self._append(Entry(event="bound", binding=binding, why=why))
            elif binding is not None and binding != self.binding:
                raise LevError(
                    f"{path}: this session is bound to {self.binding.agent} already",
                    help="switch the session, or choose another name for a new one",
                )
        except BaseException:
            self.close()
            raise
        return self

    @classmethod
    def take_up(cls, path: Path | str, packet: HandOff, own: Binding) -> Session:
        """Begin a session from a hand-off: bound to `own`, narrowed by the packet's binding.

        `own` is what the receiver would give such a session itself; the packet can only take away from it. A packet
        whose session had no memory begins one without: the receiver's own comes in by an explicit `switch` alone.
        Raises `LevError` for a packet to another agent, and for a session that there is already.
        """
        if packet.to != own.agent:
            raise LevError(
                f"the hand-off packet is for {packet.to}, not for {own.agent}",
                help=f"take it up with a binding of {packet.to}, or ask for a packet to {own.agent}",
            )
        theirs = packet.binding
        remembers = own.scope is not None and theirs.scope is not None
        binding = msgspec.structs.replace(own, scope=own.scope if remembers else None).narrowed(
            bound_by="handoff",
            tools=theirs.tools,
            scope=theirs.scope if remembers else None,
            constitution=theirs.constitution,
            limits=theirs.limits,
            personalities=theirs.personalities,
        )
        self = cls._opened(Path(path))
        try:
            if self._entries:
                raise LevError(f"{path}: there is such a session already", help="choose another name for it")
            entry = Entry(event="taken_up", binding=binding, why=packet.why, packet=packet)
            self._append(_with(entry, packet.decided, packet.open_questions, packet.files, packet.memory))
        except BaseException:
            self.close()
            raise
        return self

    @property
    def entries(self) -> Sequence[Entry]:
        """Everything that happened, in order."""
        return tuple(self._entries)

    @property
    def binding(self) -> Binding:
        """What the session is bound to now."""
        return next(entry.binding for entry in reversed(self._entries) if entry.binding is not None)

    @property
    def handed_off(self) -> HandOff | None:
        """The packet with which the session has left, or None."""
        last = self._entries[-1]
        return last.packet if last.event == "handed_off" else None

    def switch(self, binding: Binding, *, why: str) -> None:
        """Bind the session to another agent, as somebody has asked for explicitly; `why` says who and why."""
        self._refuse_if_gone()
        if binding.session != self.binding.session:
            raise LevError(f"that binding is of the session {binding.session!r}, not of {self.binding.session!r}")
        self._append(Entry(event="switched", binding=binding, why=why))

    def checkpoint(
        self,
        *,
        decided: Iterable[str] = (),
        open_questions: Iterable[str] = (),
        files: Iterable[FileRef] = (),
        memory: Iterable[MemoryRef] = (),
        why: str = "",
    ) -> None:
        """Note how things stand: decisions add up, and the last word on questions, files and memories counts."""
        self._refuse_if_gone()
        entry = Entry(event="checkpoint", why=why)
        self._append(_with(entry, tuple(decided), tuple(open_questions), tuple(files), tuple(memory)))

    def hand_off(self, to: str, *, why: str, summary: str = "") -> HandOff:
        """Close the session with a packet for another agent; nothing more can be written to it."""
        self._refuse_if_gone()
        packet = HandOff(
            binding=self.binding,
            to=to,
            why=why,
            summary=summary,
            decided=self.decided,
            open_questions=self.open_questions,
            files=self.files,
            memory=self.memory,
        )
        self._append(Entry(event="handed_off", why=why, packet=packet))
        return packet

    @property
    def decided(self) -> tuple[str, ...]:
        """Every decision of every checkpoint, once, in order."""
        return tuple(dict.fromkeys(item for entry in self._entries for item in entry.decided))

    @property
    def open_questions(self) -> tuple[str, ...]:
        """The questions of the last checkpoint, or of the packet that was taken up."""
        return self._stands.open_questions

    @property
    def files(self) -> tuple[FileRef, ...]:
        """The files that matter, likewise."""
        return self._stands.files

    @property
    def memory(self) -> tuple[MemoryRef, ...]:
        """The memories that matter, likewise."""
        return self._stands.memory

    @property
    def _stands(self) -> Entry:
        """The entry that says how things stand."""
        found = (entry for entry in reversed(self._entries) if entry.event in ("checkpoint", "taken_up"))
        return next(found, self._entries[0])

    def close(self) -> None:
        """Let go of the log; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @classmethod
    def _opened(cls, path: Path) -> Session:
        try:
            make_folder(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise LevError(f"{path}: the session cannot be opened: {error.strerror}") from error
        try:
            _lock(path, descriptor)
            entries, end = _read(path, descriptor)
            os.ftruncate(descriptor, end)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, entries)

    def _append(self, entry: Entry) -> None:
        rest = canonical.encode(msgspec.to_builtins(entry)) + b"\n"
        end: int | None = None
        try:
            end = os.fstat(self._descriptor).st_size
            while rest:  # a disk that becomes full takes a part first
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
            if end == 0:
                sync_folder(self.path.parent)
        except OSError as error:
            if end is not None:
                with contextlib.suppress(OSError):  # what is left is a torn line at worst
                    os.ftruncate(self._descriptor, end)
            raise LevError(f"{self.path}: the session cannot be written: {error.strerror}") from error
        self._entries.append(entry)

    def _refuse_if_gone(self) -> None:
        if self.handed_off is not None:
            raise LevError(f"{self.path}: this session was handed off to {self.handed_off.to}", help="go on there")


def _with(
    entry: Entry,
    decided: tuple[str, ...],
    open_questions: tuple[str, ...],
    files: tuple[FileRef, ...],
    memory: tuple[MemoryRef, ...],
) -> Entry:
    return msgspec.structs.replace(entry, decided=decided, open_questions=open_questions, files=files, memory=memory)


def _lock(path: Path, descriptor: int) -> None:
    try:
        lock(descriptor)
    except OSError:
        raise SessionBusy(f"{path}: another process has this session open", help="wait for it, or end it") from None


def _read(path: Path, descriptor: int) -> tuple[list[Entry], int]:
    """The entries, and where the last whole line ends."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        data = file.read()
    entries: list[Entry] = []
    end = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except (msgspec.MsgspecError, UnicodeDecodeError, LevError) as error:
            help = "restore the file from a copy, or begin a new session"
            raise LevError(f"{path}:{number}: the session is damaged: {error}", help=help) from None
        end += len(line)
    if entries and entries[0].binding is None:
        raise LevError(f"{path}:1: the session is damaged: it does not begin with a binding")
    return entries, end
