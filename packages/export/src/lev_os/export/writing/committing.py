"""Many files changed as one: all of them, or none.

New contents and the old files lie in a folder beside them until the last file is in its place. A command that fails
puts the old files back; one that was killed leaves the folder, and the next command puts them back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import LevError
from lev_os.core.locks import contents, locked_folder
from lev_os.core.writing import sync_folder

__all__ = ["STAGING", "Operation", "commit", "interrupted", "recover"]

STAGING = ".lev-export.tmp"
_UNDO = "undo.json"
_DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` gets `data` (None: is removed), if it still has the digest `before` (None: is not there)."""

    path: str
    data: bytes | None
    before: str | None
    executable: bool = False


class _Step(msgspec.Struct, frozen=True):
    path: str
    before: str | None
    after: str | None


class _Undo(msgspec.Struct, frozen=True):
    steps: tuple[_Step, ...]
    folders: tuple[str, ...]
    """Folders that had to be made, outermost first."""


def commit(base: Path, operations: Sequence[Operation]) -> None:
    """Carry them all out. Raises `LevError` or `OSError`; then everything is as it was."""
    made = _make_base(base)
    try:
        with _staging(base) as staging:
            _stage(base, staging, operations)
            with _undisturbed():
                os.replace(staging / _DRAFT, staging / _UNDO)  # from here on a killed command is undone
                try:
                    sync_folder(staging)
                    _apply(base, staging, operations)
                except BaseException:
                    _undo(base, staging)
                    raise
                (staging / _UNDO).unlink()  # from here on it has happened
            _remove_empty(base, operations)
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def interrupted(base: Path) -> bool:
    """Whether an earlier command was killed and left something to put back."""
    return (base / STAGING).is_dir()


def recover(base: Path) -> None:
    """Put back what a killed command had changed, and remove what it left; raises `LevError` while one is running."""
    if interrupted(base):
        with _staging(base):
            pass


@contextlib.contextmanager
def _staging(base: Path) -> Iterator[Path]:
    """The folder for what is on the way, empty and ours alone."""
    staging = base / STAGING
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked_folder(staging))
        except BlockingIOError:
            raise LevError(f"another `lev export` is writing to {base}", help="wait for it, then try again") from None
        try:
            if (staging / _UNDO).exists():
                _undo(base, staging)
            _empty(staging)
            yield staging
        finally:
            if not (staging / _UNDO).exists():
                with contextlib.suppress(OSError):
                    _empty(staging)


def _stage(base: Path, staging: Path, operations: Sequence[Operation]) -> None:
    """Write new contents and keep the old; nothing that anybody sees changes."""
    steps = []
    for number, operation in enumerate(operations):
        place = base / operation.path
        before = _digest(place)
        if before != operation.before:
            raise LevError(f"{operation.path} has changed meanwhile", help="run it again")
        if before is not None:
            _keep(place, staging / f"old-{number}")
        after = None
        if operation.data is not None:
            after = digest_bytes(operation.data)
            _write(staging / f"new-{number}", operation.data, _mode(place, operation.executable))
        steps.append(_Step(operation.path, before, after))
    undo = _Undo(tuple(steps), tuple(_missing_folders(base, operations)))
    _write(staging / _DRAFT, msgspec.json.encode(undo), 0o644)


def _apply(base: Path, staging: Path, operations: Sequence[Operation]) -> None:
    for number, operation in enumerate(operations):
        place = base / operation.path
        if operation.data is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / f"new-{number}", place)


def _undo(base: Path, staging: Path) -> None:
    """Put back every file that is as we made it. One that is neither old nor new was changed since, and is kept."""
    try:
        undo = msgspec.json.decode((staging / _UNDO).read_bytes(), type=_Undo)
    except msgspec.DecodeError as error:
        raise LevError(f"{staging / _UNDO} is damaged: {error}", help=f"look at {staging}, then remove it") from None
    for number, step in reversed(list(enumerate(undo.steps))):
        place = base / step.path
        if _digest(place) != step.after or step.after == step.before:
            continue
        if step.before is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / f"old-{number}", place)
    for folder in reversed(undo.folders):
        with contextlib.suppress(OSError):
            (base / folder).rmdir()
    (staging / _UNDO).unlink()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait for the few milliseconds in which files change their places."""
    if sys.platform == "win32":  # no signal can wait there
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _make_base(base: Path) -> list[Path]:
    """Make the folder; those that were not there."""
    missing = []
    folder = base
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    base.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _missing_folders(base: Path, operations: Sequence[Operation]) -> list[str]:
    missing: dict[str, None] = {}
    for operation in operations:
        if operation.data is None:
            continue
        parts = operation.path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in missing and not (base / folder).exists():
                missing[folder] = None
    return list(missing)


def _remove_empty(base: Path, operations: Sequence[Operation]) -> None:
    """Remove the folders that held nothing but what was removed."""
    for operation in operations:
        if operation.data is not None:
            continue
        folder = (base / operation.path).parent
        while folder != base:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent


def _digest(place: Path) -> str | None:
    try:
        return digest_bytes(place.read_bytes())
    except FileNotFoundError:
        return None


def _keep(place: Path, copy: Path) -> None:
    try:
        os.link(place, copy)
    except OSError:  # a file system without hard links
        shutil.copy2(place, copy)


def _mode(place: Path, executable: bool) -> int:
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    return mode | ((mode & 0o444) >> 2) if executable else mode


def _write(file: Path, data: bytes, mode: int) -> None:
    with open(file, "xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    file.chmod(mode)


def _empty(folder: Path) -> None:
    for entry in contents(folder):
        entry.unlink()
