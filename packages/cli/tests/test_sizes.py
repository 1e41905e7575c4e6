"""The cache of digests and token counts: never wrong, never in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.cli.sizes import Sizes
from lev_os.core.packaging import Export, load_package

Lev = Callable[..., Any]
OLD = 1_000_000_000


@pytest.fixture
def style(lev: Lev, tmp_path: Path) -> tuple[Export, Path]:
    """An export whose file has not changed for years, and the file."""
    lev("new", "package", "acme-sizes")
    root = tmp_path / "acme-sizes" / "src" / "acme_sizes"
    file = root / "contexts" / "style.md"
    os.utime(file, (OLD, OLD))
    return load_package(root).export("./contexts/style"), file


def test_what_was_counted_is_not_counted_again(style: tuple[Export, Path], tmp_path: Path) -> None:
    """A file of the same time, size and inode is taken to be the same: it is not even read."""
    export, file = style
    with Sizes(tmp_path / "sizes") as sizes:
        first = sizes.of(export)
    file.write_text("#" * file.stat().st_size)
    os.utime(file, (OLD, OLD))
    with Sizes(tmp_path / "sizes") as sizes:
        assert sizes.of(export) == first


def test_a_changed_file_is_counted_anew(style: tuple[Export, Path], tmp_path: Path) -> None:
    """By its time, its size or its inode."""
    export, file = style
    with Sizes(tmp_path / "sizes") as sizes:
        first = sizes.of(export)
    file.write_text(file.read_text() + "- One line more.\n")
    with Sizes(tmp_path / "sizes") as sizes:
        assert sizes.of(export)[1] > first[1]


def test_a_file_of_this_moment_is_not_remembered(style: tuple[Export, Path], tmp_path: Path) -> None:
    """It could change again within the clock's grain."""
    export, file = style
    os.utime(file)
    with Sizes(tmp_path / "sizes") as sizes:
        sizes.of(export)
    assert not (tmp_path / "sizes").exists()


@pytest.mark.parametrize("damage", [b"", b"\x00garbage", b"\x92\xa30.0\x80"])
def test_a_damaged_cache_is_no_cache(damage: bytes, style: tuple[Export, Path], tmp_path: Path) -> None:
    """It is made again."""
    export, _ = style
    (tmp_path / "sizes").write_bytes(damage)
    with Sizes(tmp_path / "sizes") as sizes:
        assert sizes.of(export)[1] > 20
    assert (tmp_path / "sizes").read_bytes() != damage


def test_a_cache_that_cannot_be_written_is_no_error(style: tuple[Export, Path], tmp_path: Path) -> None:
    """A folder in its place."""
    export, _ = style
    (tmp_path / "sizes").mkdir()
    with Sizes(tmp_path / "sizes") as sizes:
        assert sizes.of(export)[1] > 20
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("sizes")] == ["sizes"]
