"""What git ignores is what git itself says that it ignores."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.gitignore import Ignored, ignored_in, patterns_of

NAMES = ("a", "b", "ab", "abab", "a.md", "b.md", "[a]", "a b", "#a", "!a", "é", "-", "a*")
PIECES = (
    "a", "b", "*", "**", "?", "/", ".md", "[ab]", "[!a]", "[a-b]", "[", "\\", "!", "#", " ", "é", "-", "[[:alpha:]]",
    "**/", "*a*", "a/**/b", "***", "/a**/",
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("pattern", "path", "end"),
    [
        ("/" + "*a" * 40 + "*b", "a" * 240, "b"),
        ("**/a/" * 40 + "b", "a/" * 90 + "c", "/a/b"),
        ("**/*a*a*a*a*a*a*/" * 9 + "b", "aaaaaaaa/" * 80 + "a", "aaaaaaaa/b"),
    ],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str, end: str) -> None:
    """Tried in every way, these would take longer than there is time."""
    ignored = patterns_of("/", [pattern])
    assert not ignored(f"/{path}", folder=False)
    assert ignored(f"/{path}{end}", folder=False)


def test_only_a_file_says_what_to_ignore(tmp_path: Path) -> None:
    """Git reads no link that is called `.gitignore`; a pipe would keep a reader for ever."""
    (tmp_path / "linked").mkdir()
    (tmp_path / "all").write_text("*\n")
    (tmp_path / "linked/.gitignore").symlink_to(tmp_path / "all")
    os.mkfifo(tmp_path / ".gitignore")
    ignored = Ignored().inside(str(tmp_path)).inside(str(tmp_path / "linked"))
    assert not ignored(str(tmp_path / "linked/a.md"), folder=False)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True)


def test_a_worktree_has_the_exclude_file_of_its_repository(tmp_path: Path) -> None:
    """Its `.git` is a file that says where the repository lies."""
    repository, worktree = tmp_path / "repository", tmp_path / "worktree"
    repository.mkdir()
    git(repository, "init", "-q")
    git(repository, "commit", "-q", "--allow-empty", "-m", "first")
    git(repository, "worktree", "add", "-q", str(worktree))
    (repository / ".git" / "info" / "exclude").write_text("private\n")
    ignored = ignored_in(str(worktree)).inside(str(worktree))
    assert ignored(str(worktree / "private"), folder=False)
    assert not ignored(str(worktree / "open"), folder=False)


def test_a_submodule_has_its_own_patterns_alone(tmp_path: Path) -> None:
    """What the repository around it ignores may be tracked in it; what stands in no file holds everywhere."""
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    outer.mkdir()
    git(outer, "init", "-q")
    (outer / ".gitignore").write_text("*.txt\n")
    git(outer, "init", "-q", "--separate-git-dir", str(tmp_path / "git"), str(inner))
    (tmp_path / "git" / "info" / "exclude").write_text("private.md\n")
    above = ignored_in(str(outer)).inside(str(outer))
    named = patterns_of(str(outer), ["draft.md"])
    inside = Ignored((*above.stack, *named.stack), above.sources).inside(str(inner))
    ignored = {name: inside(str(inner / name), folder=False) for name in ("a.txt", "private.md", "draft.md")}
    assert ignored == {"a.txt": False, "private.md": True, "draft.md": True}


@pytest.mark.parametrize("said", [b"", b"gitdir: \0\n", b"gitdir: /no/where\n", b"\xff\n"])
def test_a_git_file_that_leads_nowhere_says_nothing(tmp_path: Path, said: bytes) -> None:
    """A repository all the same."""
    (tmp_path / ".git").write_bytes(said)
    (tmp_path / ".gitignore").write_text("a\n")
    ignored = ignored_in(str(tmp_path)).inside(str(tmp_path))
    assert ignored(str(tmp_path / "a"), folder=False)
    assert not ignored(str(tmp_path / "b"), folder=False)
