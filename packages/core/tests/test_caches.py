"""Caches: replaced in one step, and not kept for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lev_os.core.caches import replace_cache

TWO_MONTHS_AGO = time.time() - 60 * 24 * 3600


def test_a_cache_is_replaced_and_nothing_is_left_over(tmp_path: Path) -> None:
    """The folder is made, and only its owner may look into it."""
    file = tmp_path / "new" / "list-1.bin"
    replace_cache(str(file), b"one")
    replace_cache(str(file), b"two")
    assert file.read_bytes() == b"two"
    assert os.listdir(file.parent) == ["list-1.bin"]
    assert file.parent.stat().st_mode & 0o077 == 0


def test_what_nobody_replaces_for_a_month_goes(tmp_path: Path) -> None:
    """Of its own kind, with what a killed process left; other files stay, whatever their age."""
    for name in ("list-old.bin", "list-1.bin.99.1", "list-new.bin", "packages-old.bin", "mine.txt"):
        (tmp_path / name).touch()
        if name != "list-new.bin":
            os.utime(tmp_path / name, (TWO_MONTHS_AGO, TWO_MONTHS_AGO))
    replace_cache(str(tmp_path / "list-1.bin"), b"")
    assert sorted(os.listdir(tmp_path)) == ["list-1.bin", "list-new.bin", "mine.txt", "packages-old.bin"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A folder in its place, or a file in place of its folder."""
    (tmp_path / "list-1.bin").mkdir()
    replace_cache(str(tmp_path / "list-1.bin"), b"")
    (tmp_path / "file").touch()
    replace_cache(str(tmp_path / "file" / "list-1.bin"), b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "list-1.bin"]
