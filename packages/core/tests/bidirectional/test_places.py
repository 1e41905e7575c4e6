"""Where runs live, and the key of their tokens."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lev_os.core import LevError
from lev_os.core.bidirectional.places import (
    files_folder,
    journal_path,
    new_run,
    project_root,
    runs_folder,
    token_secret,
)


def test_the_project_is_the_nearest_folder_that_says_so(tmp_path: Path) -> None:
    """A `pyproject.toml` or `.git` above; without one, the folder itself."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").touch()
    assert project_root(inner) == tmp_path / "a"
    assert runs_folder(tmp_path / "a") == tmp_path / "a" / ".lev" / "runs"


def test_a_folder_in_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is its own root."""
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert project_root(tmp_path) == tmp_path


def test_names_of_runs_sort_by_time_and_stay_inside(tmp_path: Path) -> None:
    """A name is ours or refused: it becomes a file name."""
    run = new_run()
    assert journal_path(run, tmp_path) == tmp_path / ".lev" / "runs" / f"{run}.jsonl"
    assert files_folder(journal_path(run, tmp_path)).name == f"{run}.files"
    for name in ("", "../x", "a/b", ".x", "a\0b", "a b"):
        with pytest.raises(LevError, match="not the name of a run"):
            journal_path(name, tmp_path)


def test_the_secret_is_made_once_even_in_a_race(tmp_path: Path) -> None:
    """Thirty-two bytes, mode 0600, the same for all; nothing else is left in the folder."""
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: token_secret(tmp_path), range(16)))
    assert len(found) == 1
    assert len(found.pop()) == 32
    assert [path.name for path in (tmp_path / ".lev").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / ".lev" / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize(("mode", "size", "said"), [(0o644, 32, "read by others"), (0o600, 5, "not a key")])
def test_a_secret_that_is_none(tmp_path: Path, mode: int, size: int, said: str) -> None:
    """One that others may read, or that is cut short, is refused with the way out."""
    path = tmp_path / ".lev" / "secret"
    path.parent.mkdir()
    path.write_bytes(b"x" * size)
    path.chmod(mode)
    with pytest.raises(LevError, match=said):
        token_secret(tmp_path)
