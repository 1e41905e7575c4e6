"""Locks end with whoever holds them, and need no fcntl to be imported."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lev_os.core import locks
from lev_os.core.locks import contents, lock, locked_folder

HOLD = """
import os, sys
from pathlib import Path
from lev_os.core.locks import lock, locked_folder
if sys.argv[1] == "file":
    lock(os.open(sys.argv[2], os.O_RDWR))
    print("held", flush=True)
    sys.stdin.read()
else:
    with locked_folder(Path(sys.argv[2])):
        print("held", flush=True)
        sys.stdin.read()
"""
WITHOUT_FCNTL = """
import importlib, sys
sys.modules["fcntl"] = None
for name in ("core.locks", "core.bidirectional.journal", "export.writing", "export.writing.committing", "export.build",
             "agents.threads", "agents.ceo_binding.session", "memory.backends.graphiti.falkor", "cli.batch.rows"):
    importlib.import_module(f"lev_os.{name}")
"""


class Bytes:
    """What `msvcrt.locking` does, among the descriptors of one process."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        byte = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        if self.held.setdefault(byte, descriptor) != descriptor:
            raise OSError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_process_holds_nothing(kind: str, tmp_path: Path) -> None:
    """While it lives it does; a folder that was held is free to be taken."""
    path = tmp_path / kind
    if kind == "file":
        path.touch()
    command = [sys.executable, "-c", HOLD, kind, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        descriptor = os.open(path, os.O_RDONLY)
        for shared in (False, True):
            with pytest.raises(BlockingIOError):
                lock(descriptor, shared=shared)
        holder.kill()
        holder.wait()
        lock(descriptor)
        os.close(descriptor)


def test_shared_locks_let_each_other_in(tmp_path: Path) -> None:
    """And nobody who wants the file alone."""
    file = tmp_path / "file"
    file.touch()
    one, two, three = (os.open(file, os.O_RDONLY) for _ in range(3))
    lock(one, shared=True)
    lock(two, shared=True)
    with pytest.raises(BlockingIOError):
        lock(three)
    for descriptor in (one, two, three):
        os.close(descriptor)


def test_a_folder_is_removed_if_nothing_is_left_in_it(tmp_path: Path) -> None:
    """It is made if it is not there."""
    with locked_folder(tmp_path / "a"):
        assert contents(tmp_path / "a") == []
    assert not (tmp_path / "a").exists()
    with locked_folder(tmp_path / "a"):
        (tmp_path / "a" / "file").touch()
    assert (tmp_path / "a" / "file").exists()


def test_modules_are_imported_without_fcntl() -> None:
    """As on Windows: what locks says so when it is to lock, not before."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_FCNTL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_where_there_is_no_fcntl_a_byte_far_away_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to read a byte that is locked, so it is none of the file's; nothing is left of a held folder."""
    system = Bytes()
    monkeypatch.setattr(locks, "_POSIX", False)
    monkeypatch.setitem(sys.modules, "msvcrt", system)
    file = tmp_path / "file"
    file.write_text("abc")
    one, two = (os.open(file, os.O_RDWR) for _ in range(2))
    os.lseek(one, 2, os.SEEK_SET)
    lock(one)
    assert os.lseek(one, 0, os.SEEK_CUR) == 2
    [(_, place)] = system.held
    assert 2**30 < place < 2**31
    with pytest.raises(BlockingIOError):
        lock(two)
    system.held.clear()
    os.close(one)
    os.close(two)
    with locked_folder(tmp_path / "a"):
        assert contents(tmp_path / "a") == []
        with pytest.raises(BlockingIOError), locked_folder(tmp_path / "a"):
            pass
    assert not (tmp_path / "a").exists()


def test_what_is_wrong_with_a_file_is_no_lock_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another error of the system is raised as it is."""

    class Broken(Bytes):
        def locking(self, descriptor: int, mode: int, count: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(locks, "_POSIX", False)
    monkeypatch.setitem(sys.modules, "msvcrt", Broken())
    (tmp_path / "file").touch()
    descriptor = os.open(tmp_path / "file", os.O_RDWR)
    with pytest.raises(OSError, match="Input/output"):
        lock(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("made_anew", [False, True])
def test_a_folder_that_is_removed_before_it_is_locked_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_anew: bool
) -> None:
    """Its last holder removes it at the end, and somebody else may hold another one of that name."""
    folder = tmp_path / "a"

    def late(descriptor: int) -> None:
        folder.rmdir()
        if made_anew:
            folder.mkdir()
        lock(descriptor)

    monkeypatch.setattr(locks, "lock", late)
    with pytest.raises(BlockingIOError), locked_folder(folder):
        pass
    assert folder.exists() is made_anew


def test_a_folder_that_is_removed_before_it_is_opened_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same; what else stands in the way is told as it is."""
    (tmp_path / "d").touch()
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *more: (Path(path).rmdir(), opened(path, *more))[1])
    with pytest.raises(BlockingIOError), locked_folder(tmp_path / "a"):
        pass
    with pytest.raises(FileNotFoundError), locked_folder(tmp_path / "b" / "c"):
        pass
    with pytest.raises(FileExistsError), locked_folder(tmp_path / "d"):
        pass
