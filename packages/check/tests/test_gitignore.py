"""What git ignores is what git itself says that it ignores."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.check.gitignore import Ignored, ignored_in
from lev_os.check.walk import walk

NAMES = ("a", "b", "ab", "a.md", "b.md", "[a]", "a b", "#a", "!a", "é", "-", "a*")
PIECES = (
    "a",
    "b",
    "*",
    "**",
    "?",
    "/",
    ".md",
    "[ab]",
    "[!a]",
    "[a-b]",
    "[",
    "\\",
    "!",
    "#",
    " ",
    "é",
    "-",
    "[[:alpha:]]",
)
patterns = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), min_size=1, max_size=4)
trees = st.sets(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join), min_size=1, max_size=8)


def ours(root: str, ignored: Ignored, folder: str = "") -> set[str]:
    """The files that a walk looks at, by our rules."""
    found: set[str] = set()
    inside = ignored.inside(os.path.join(root, folder).rstrip("/"))
    for entry in sorted(os.listdir(os.path.join(root, folder))):
        path = os.path.join(folder, entry)
        if entry in (".git", ".gitignore"):
            continue
        full = os.path.join(root, path)
        if os.path.isdir(full):
            if not inside(full, folder=True):
                found |= ours(root, inside, path)
        elif not inside(full, folder=False):
            found.add(path)
    return found


@pytest.mark.slow
@given(trees, patterns, patterns)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_as_git_does(tree: set[str], above: list[str], below: list[str]) -> None:
    """Random patterns in two files, random names: the same files are left as `git ls-files` leaves."""
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for name in sorted(tree):
            path = Path(root, name)
            if any(parent.is_file() for parent in path.parents) or path.is_dir():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        Path(root, ".gitignore").write_text("\n".join(above))
        if Path(root, "a").is_dir():
            Path(root, "a", ".gitignore").write_text("\n".join(below))
        listed = subprocess.run(
            ["git", "-C", root, "ls-files", "--others", "--exclude-standard", "-z"], check=True, capture_output=True
        ).stdout
        theirs = {name for name in os.fsdecode(listed).split("\0") if name and not name.endswith(".gitignore")}
        assert ours(root, ignored_in(root)) == theirs


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
