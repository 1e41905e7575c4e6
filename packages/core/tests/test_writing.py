"""Folders that last, and those that nobody can have flushed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest
from lev_os.core import writing
from lev_os.core.writing import make_folder, sync_folder

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
