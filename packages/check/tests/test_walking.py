"""Which files a check looks at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lev_os.check.walk import walk


def checked(*paths: str) -> list[str]:
    """What a walk finds, relative to the current folder."""
    return [os.path.relpath(item.path) for item in walk(map(os.path.abspath, paths)).files]


def test_a_named_path_is_checked_though_it_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a file or folder means it; below it, what it says itself still holds."""
    monkeypatch.chdir(tmp_path)
    Path(".git").mkdir()
    Path(".gitignore").write_text("local\n")
    for name in ("AGENTS.md", "local/AGENTS.md", "local/deep/AGENTS.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("local/.gitignore").write_text("deep/\n")
    assert checked(".") == ["AGENTS.md"]
    assert checked("local") == ["local/AGENTS.md"]
    assert checked("local/deep") == ["local/deep/AGENTS.md"]
    assert checked("local/deep/AGENTS.md") == ["local/deep/AGENTS.md"]


def test_folders_of_tools_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages and build results, unless a skill is called so."""
    monkeypatch.chdir(tmp_path)
    for name in (".venv", "node_modules", "build", "skills/build"):
        Path(name).mkdir(parents=True)
        Path(name, "SKILL.md").touch()
    assert checked(".") == ["skills/build/SKILL.md"]


def test_a_manifest_that_an_export_wrote_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The npm twin of `acme` holds a copy of its manifest in `llm/`; a `lev.toml` that no lock names is a package."""
    monkeypatch.chdir(tmp_path)
    for name in ("acme/lev.toml", "twin/llm/lev.toml", "twin/other/lev.toml"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text("format = 1\n")
    Path("twin/lev-export.lock").write_text('{"format": 1, "blocks": {}, "files": {"llm/lev.toml": {}}}')
    found = walk([os.path.abspath(".")])
    assert [os.path.relpath(root) for root in found.packages] == ["acme", "twin/other"]
    assert checked(".") == ["acme/lev.toml", "twin/other/lev.toml"]
    assert list(walk([os.path.abspath("twin/llm")]).packages) == []
    ((_, reason),) = walk([os.path.abspath("twin/llm/lev.toml")]).not_checked
    assert "`lev export` wrote it" in reason
