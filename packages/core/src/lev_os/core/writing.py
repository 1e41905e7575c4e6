"""Writing a file in one step: whoever reads it sees what was there before, or all that is new."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import sys
import time
from pathlib import Path

from .locks import lock

_ENDING = ".lev-tmp"
_BEGUN, _ABANDONED = 1.0, 60.0
"""Seconds after which whoever writes such a file holds it, and after which nobody writes it any more, held or not."""
_NEVER_FLUSHED = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EROFS}
"""What file systems say that flush no folder: those of other hosts, and those that are no disk's."""


def replace(path: Path, data: bytes) -> None:
    """Replace the contents of a file, keeping its mode; a link stays one. Raises `OSError`."""
    real = Path(os.path.realpath(path))
    _remove_left_behind(real)
    temporary = real.with_name(f".{real.name}.{os.urandom(4).hex()}{_ENDING}")
    try:
        mode = stat.S_IMODE(real.stat().st_mode)
    except FileNotFoundError:
        mode = None
    try:
        with open(temporary, "xb") as stream:
            with contextlib.suppress(OSError):  # some file systems know no locks
                lock(stream.fileno())
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, real)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def make_folder(folder: Path, mode: int = 0o777, *, fsync: bool = True) -> None:
    """Make a folder with those above it, so that a power cut takes none: a name is kept by its parent's own sync.

    With `fsync=False` nothing waits for the disk.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent, fsync=fsync)
    folder.mkdir(mode=mode, exist_ok=True)
    if fsync:
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where that can be asked for. Raises `OSError`.

    Windows opens no folder, and has no need to. A folder may be ours to write in and not to read, and some file systems
    flush none: what is written there is written all the same.
    """
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NEVER_FLUSHED:
            raise
    finally:
        os.close(descriptor)


def _remove_left_behind(real: Path) -> None:
    """Remove what earlier writers of this file left when they were killed."""
    with contextlib.suppress(OSError):
        for other in real.parent.glob(f".{glob.escape(real.name)}.*{_ENDING}"):
            if _is_abandoned(other):
                other.unlink()


def _is_abandoned(file: Path) -> bool:
    age = time.time() - file.stat().st_mtime
    if not _BEGUN < age <= _ABANDONED:
        return age > _ABANDONED
    try:
        with open(file, "rb") as stream:
            lock(stream.fileno())
    except OSError:
        return False
    return True
