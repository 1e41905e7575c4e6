"""The append-only journal of a run: JSON lines, each naming the digest of the line before it.

A line is `{"seq", "at", "type", "key", "attempt", "body", "prev", "digest"}`. `digest` is SHA-256 over the line's
bytes without its own digest, and `prev` is the digest of the line before, so a flipped bit, a missing line or a
swapped one shows with its place. It is a chain, not a signature: who may write the file may also write a new chain.

A batch of records leaves in one `write`, which survives a killed process; `sync` also survives a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..errors import LevError
from ..locks import lock
from ..writing import make_folder, sync_folder
from ._bodies import refused
from .effects import Record

_OPEN_DIGEST = b',"digest":"sha256:'
_TAIL = len(_OPEN_DIGEST) + 64 + len(b'"}')
_CHUNK = 1 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


_Time = Annotated[float, msgspec.Meta(ge=0, lt=253_402_300_800)]
"""From 1970 to the end of the year 9999, which is what calendars can show."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a journal. `at` is seconds since the epoch; `key` and `attempt` name an effect's attempt."""

    seq: int
    at: _Time
    type: str
    key: str | None
    attempt: int | None
    body: Any
    prev: str | None
    digest: str


class JournalDamaged(LevError):
    """A journal that is not what was written; `line` counts from 1."""

    exit_code = 3

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(
            f"{path}:{line}: the journal is damaged: {why}",
            help="restore the file from a copy, or start a new run; nothing after this line can be trusted",
        )
        self.path = path
        self.line = line


class JournalBusy(LevError):
    """Another process, or another part of this one, is writing this run."""

    exit_code = 3


class JournalUnwritable(LevError):
    """A batch of records could not be written; what was acknowledged before it is still there."""

    exit_code = 3


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: float
    type: str
    key: str | None
    attempt: int | None
    body: Any
    prev: str | None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Journal:
    """One run's journal, open for appending; nobody else can write it until `close`.

    `sync_count` and `sync_seconds` tell what reaching the disk has cost. With `fsync=False` nothing waits for the
    disk: the journal then survives a killed process, but perhaps not a power cut.
    """

    def __init__(self, path: Path, descriptor: int, *, size: int, seq: int, prev: str | None, fsync: bool) -> None:
        self.path = path
        self._fsync = fsync
        self.sync_count = 0
        self.sync_seconds = 0.0
        self._descriptor = descriptor
        self._size = size
        self._seq = seq
        self._prev = prev
        self._settled = True
        self._new = size == 0

    @classmethod
    def create(cls, path: Path, *, fsync: bool = True) -> Journal:
        """Start a journal with mode 0600; raises `LevError` if there is one at `path` already."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:
                make_folder(path.parent, fsync=fsync)
                descriptor = os.open(path, flags, 0o600)
        except FileExistsError:
            raise LevError(
                f"{path} already exists", help="resume that run, or choose another path for this one"
            ) from None
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            _lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, size=0, seq=0, prev=None, fsync=fsync)

    @classmethod
    def open(cls, path: Path, *, fsync: bool = True) -> tuple[Journal, list[Entry]]:
        """Lock and verify a journal, drop a torn last line, and return it with its entries.

        Raises `JournalBusy`, `JournalDamaged`, or `LevError` when there is none.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            raise LevError(f"there is no journal at {path}", help="`lev runs list` shows the runs there are") from None
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            _lock(path, descriptor)
            entries: list[Entry] = []
            size = 0
            for entry, end in _verified(path, descriptor):
                entries.append(entry)
                size = end
            os.ftruncate(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        last = entries[-1].digest if entries else None
        return cls(path, descriptor, size=size, seq=len(entries), prev=last, fsync=fsync), entries

    def append(self, records: Sequence[Record], *, sync: bool = False) -> None:
        """Write a batch in one piece, and to the disk if `sync`; raises `JournalUnwritable`, and then nothing
        of the batch is in the file."""
        if not self._settled:
            raise JournalUnwritable(
                f"{self.path}: an earlier write did not finish", help="resume the run from its journal"
            )
        if records:
            seq, prev = self._seq, self._prev
            lines: list[bytes] = []
            for record in records:
                line = _encoder.encode(
                    _Line(
                        seq=seq,
                        at=record.at,
                        type=record.type,
                        key=record.key,
                        attempt=record.attempt,
                        body=record.body,
                        prev=prev,
                    )
                )
                hexdigest = hashlib.sha256(line).hexdigest()
                lines.append(b'%b%b%b"}\n' % (line[:-1], _OPEN_DIGEST, hexdigest.encode()))
                prev = "sha256:" + hexdigest
                seq += 1
            self._settled = False
            self._write(b"".join(lines))
            self._seq, self._prev = seq, prev
            self._settled = True
        if sync and self._fsync:
            self._sync()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            with contextlib.suppress(OSError):  # what is left of the batch is a torn line, which readers drop
                os.ftruncate(self._descriptor, self._size)
            raise _unwritable(self.path, error) from error
        self._size += len(data)

    def _sync(self) -> None:
        begin = time.perf_counter()
        try:
            os.fsync(self._descriptor)
            if self._new:
                sync_folder(self.path.parent)
                self._new = False
        except OSError as error:
            self._settled = False
            raise _unwritable(self.path, error) from error
        self.sync_count += 1
        self.sync_seconds += time.perf_counter() - begin

    def close(self) -> None:
        """Let go of the file and its lock; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._settled = False

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_journal(path: Path | str) -> list[Entry]:
    """Every entry of a journal, verified; a torn last line is left out. Takes no lock and changes nothing.

    Raises `JournalDamaged` with the line that is wrong, or `LevError` when the file cannot be read.
    """
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise LevError(f"{path}: the journal cannot be read: {error.strerror}") from error
    try:
        return [entry for entry, _ in _verified(path, descriptor)]
    except OSError as error:
        raise LevError(f"{path}: the journal cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def is_busy(path: Path) -> bool:
    """Whether some process is writing this journal now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        lock(descriptor, shared=True)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _verified(path: Path, descriptor: int) -> Iterator[tuple[Entry, int]]:
    """Entries with the offset where their line ends, as long as they follow one another."""
    prev: str | None = None
    end = 0
    for number, line in enumerate(_lines(descriptor)):
        if not line.endswith(b"\n"):
            _refuse_unless_torn(path, number + 1, line)
            return
        entry = _entry(path, number + 1, line[:-1])
        if entry.seq != number:
            raise JournalDamaged(path, number + 1, f"it has sequence number {entry.seq} where {number} belongs")
        if entry.prev != prev:
            raise JournalDamaged(path, number + 1, "it does not follow the line before it")
        prev = entry.digest
        end += len(line)
        yield entry, end


def _entry(path: Path, number: int, line: bytes) -> Entry:
    content, tail = line[:-_TAIL] + b"}", line[-_TAIL:]
    expected = _OPEN_DIGEST + hashlib.sha256(content).hexdigest().encode() + b'"}'
    if tail != expected:
        raise JournalDamaged(path, number, "the digest at its end is not that of its contents")
    try:
        entry = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise JournalDamaged(path, number, f"it is not a record of a journal: {error}") from error
    why = refused(entry.type, entry.key, entry.attempt, entry.body)
    if why is not None:
        raise JournalDamaged(path, number, why)
    return entry


def _refuse_unless_torn(path: Path, number: int, rest: bytes) -> None:
    """A write that was cut leaves the beginning of a line, or zeros; a whole line and more is damage at its break."""
    if rest.endswith(b"\0"):
        return
    try:
        _entry(path, number, rest[:-1])
    except JournalDamaged:
        return
    raise JournalDamaged(path, number, "its line break has been changed")


def _lines(descriptor: int) -> Iterator[bytes]:
    with os.fdopen(os.dup(descriptor), "rb", buffering=_CHUNK) as file:
        file.seek(0)
        yield from file


def _lock(path: Path, descriptor: int) -> None:
    try:
        lock(descriptor)
    except OSError:
        raise JournalBusy(
            f"{path}: this run is being written by another process", help="wait for it, or stop it, then try again"
        ) from None


def _unwritable(path: Path, error: OSError) -> JournalUnwritable:
    if error.errno in _NO_ROOM:
        return JournalUnwritable(
            f"{path}: there is no room left for the journal; everything acknowledged so far is in it",
            help="make room, then resume the run",
        )
    return JournalUnwritable(f"{path}: the journal cannot be written: {error.strerror}")
