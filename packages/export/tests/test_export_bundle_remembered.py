"""Bundles of folders are remembered while nothing changes, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lev_os.export.bundling import bundler, remembered
from lev_os.export.bundling.remembered import bundle_folders


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one text of long ago, and a cache of its own."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "_COARSE", 0)
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Keys\n\nRotate them.\n")
    return folder


def made(docs: Path) -> str:
    return bundle_folders([str(docs)], budget=100, task="keys", form="md", embedder=None).text


def test_the_same_again_reads_nothing(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one is not made."""
    first = made(docs)
    monkeypatch.setattr(bundler, "bundle", None)
    assert made(docs) == first
    with pytest.raises(TypeError):
        bundle_folders([str(docs)], budget=99, task="keys", form="md", embedder=None)


def test_what_has_changed_is_seen(docs: Path) -> None:
    """Another text of the same size, a new file, a file that is gone."""
    first = made(docs)
    (docs / "a.md").write_text("# Keys\n\nReplace it.\n")
    second = made(docs)
    assert second != first
    (docs / "b.md").write_text("# Locks\n")
    assert "# Locks" in made(docs)
    (docs / "b.md").unlink()
    assert made(docs) == second


def test_a_damaged_memory_is_none(docs: Path, tmp_path: Path) -> None:
    """It is made anew; a file that was just written is not trusted yet."""
    first = made(docs)
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"\xc1")
    assert made(docs) == first
    assert os.path.getsize(cached) > 100
