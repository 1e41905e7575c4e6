"""Locks on open files. Closing the file releases them, and so does the end of the process, also by `kill -9`."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    _POSIX = False
else:
    _POSIX = True

_FILE = ".lock"
_FAR = 0x7FFF_0000
"""The byte that is locked on Windows, where nobody else could read or write a byte that is."""
_HELD = {errno.EACCES, errno.EDEADLK}


def lock(descriptor: int, *, shared: bool = False) -> None:
    """Lock an open file, at once or not at all. Raises `BlockingIOError` while another holds it, `OSError`.

    `shared` locks let each other in, except on Windows, which has none.
    """
    if _POSIX:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    else:
        _lock_byte(import_module("msvcrt"), descriptor)


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made and, if it is empty at the end, removed. Raises as `lock` does.

    Where folders cannot be opened, a file `.lock` in it is held.
    """
    descriptor = _open(folder)
    try:
        lock(descriptor)
        if _POSIX and not _is_at(folder, descriptor):
            raise BlockingIOError(errno.EAGAIN, "another process has just removed it")
        try:
            yield
        finally:
            if _POSIX:  # while nobody else can have it
                with contextlib.suppress(OSError):
                    folder.rmdir()
    finally:
        os.close(descriptor)
        if not _POSIX:  # an open file is not removed there, so whoever has it by now keeps it
            with contextlib.suppress(OSError):
                (folder / _FILE).unlink()
                folder.rmdir()


def contents(folder: Path) -> list[Path]:
    """What is in a folder that is held, but for what it is held by."""
    return [entry for entry in folder.iterdir() if entry.name != _FILE]


def _open(folder: Path) -> int:
    """A descriptor of a folder, which is made, or of the file in it. Whoever holds it may remove it at any time."""
    try:
        folder.mkdir(exist_ok=True)
        return os.open(folder, os.O_RDONLY) if _POSIX else os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except (FileExistsError, FileNotFoundError):
        if os.path.isfile(folder) or os.path.islink(folder) or not folder.parent.is_dir():
            raise
        raise BlockingIOError(errno.EAGAIN, "another process has just removed it") from None


def _is_at(folder: Path, descriptor: int) -> bool:
    """Whether what is open is what lies there: another may have removed it before it was locked, and made it anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except FileNotFoundError:
        return False


def _lock_byte(msvcrt: Any, descriptor: int) -> None:
    at = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _FAR, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in _HELD:
            raise BlockingIOError(errno.EAGAIN, "another process has locked it") from None
        raise
    finally:
        os.lseek(descriptor, at, os.SEEK_SET)
