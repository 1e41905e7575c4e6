"""Folders that last, and those that nobody can have flushed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest
from lev_os.core import writing
from lev_os.core.locks import lock
from lev_os.core.writing import make_folder, replace, sync_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows opens no folder")


def test_a_folder_that_cannot_be_read_can_be_written_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a drop box is: what is made in it is there, with its mode, though its name cannot be flushed."""

    def opened(path: Path, *rest: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(writing.os, "open", opened)
    make_folder(tmp_path / "box" / "runs", mode=0o700)
    assert stat.S_IMODE((tmp_path / "box" / "runs").stat().st_mode) == 0o700


def test_a_file_system_that_flushes_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as /proc: nothing can be asked for there, while a disk that fails is told."""
    if Path("/proc/self").exists():
        sync_folder(Path("/proc"))

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(writing.os, "fsync", fails)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)


def test_what_a_killed_writer_leaves_goes_with_the_next_write(tmp_path: Path) -> None:
    """Of the same file, and soon: nobody holds it any more. What is held, or has only just begun, stays."""
    file = tmp_path / "a.md"
    left, held, begun = (tmp_path / f".a.md.{number}.lev-tmp" for number in range(3))
    for temporary in (left, held, begun):
        temporary.write_text("half a t")
    for temporary in (left, held):
        os.utime(temporary, (temporary.stat().st_atime, temporary.stat().st_mtime - 5))
    with held.open("rb") as stream:
        lock(stream.fileno())
        replace(file, b"a text")
    assert sorted(tmp_path.iterdir()) == sorted([file, held, begun])
