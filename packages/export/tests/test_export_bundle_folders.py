"""Which files of a folder a bundle is made of: the texts that git would not ignore."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.export import bundle
from lev_os.export.bundling.remembered import bundle_folders
from lev_os.export.bundling.walking import texts_below

names = st.sampled_from(("a.md", "b.md", "ab.md", "a b.md", "é.md", "!a.md", "[a].md"))
folders = st.sampled_from(("", "a", "b", "a/b", "a/a", "b/a/b"))
pieces = st.sampled_from(("a", "b", "*", "**", "?", "/", ".md", "[ab]", "[!a]", "!", " ", "é", "\\", "**/", "/**"))
patterns = st.lists(st.lists(pieces, min_size=1, max_size=5).map("".join), min_size=1, max_size=4).map("\n".join)


def write(root: Path, **texts: str) -> Path:
    """A repository with these files, `__` for `/`; one is not given as `a.md`, but as `a`."""
    subprocess.run(["git", "init", "-q", root], check=True)
    for name, text in texts.items():
        path = root / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def parts(*folder: Path) -> list[str]:
    return [part.specifier for part in bundle(*folder, budget=4000).parts]


@pytest.mark.slow
@given(
    st.lists(st.tuples(folders, names), min_size=1, max_size=8),
    st.dictionaries(folders, patterns, max_size=3),
    patterns,
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_as_git_does(tree: list[tuple[str, str]], ignoring: dict[str, str], exclude: str) -> None:
    """Random trees with random patterns, at any depth and in `.git/info/exclude`: what `git ls-files` lists."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        subprocess.run(["git", "init", "-q", root], check=True)
        (root / ".git/info/exclude").write_text(exclude)
        for folder, name in tree:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / name).touch()
        for folder, text in ignoring.items():
            if (root / folder).is_dir():
                (root / folder / ".gitignore").write_text(text)
        command = ["git", "-C", root, "ls-files", "--others", "--exclude-standard", "-z", "--", "*.md"]
        listed = os.fsdecode(subprocess.run(command, check=True, capture_output=True).stdout)
        assert sorted(name for name, _ in texts_below(str(root))) == sorted(listed.split("\0")[:-1])


def test_what_git_ignores_is_left_out(tmp_path: Path) -> None:
    """By the files above the folder, beside its texts and in the repository's own list; a deeper file may object."""
    root = write(
        tmp_path / "shop", docs__a="A.", docs__draft="D.", docs__old__b="B.", docs__old__c="C.", docs__mine="M."
    )
    (root / ".gitignore").write_text("draft.md\ndocs/old/*\n")
    (root / "docs/old/.gitignore").write_text("!c.md\n")
    (root / ".git/info/exclude").write_text("mine.md\n")
    assert parts(root / "docs") == ["docs/a.md", "docs/old/c.md"]
    assert parts(root / "docs/old/b.md") == ["b.md"], "who names a file means it"


def test_a_folder_that_is_ignored_is_read_if_it_is_named(tmp_path: Path) -> None:
    """What it says itself still holds, and through a link it is the same folder."""
    root = write(tmp_path / "shop", made__a="A.", made__b="B.")
    (root / ".gitignore").write_text("/made/\n*.md\n")
    (root / "made/.gitignore").write_text("b.md\n")
    (tmp_path / "linked").symlink_to(root / "made")
    assert parts(root / "made") == ["made/a.md"]
    assert parts(tmp_path / "linked") == ["linked/a.md"]
    assert parts(root) == []


def test_a_remembered_bundle_knows_of_the_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was made before a pattern was written is not given again."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("lev_os.export.bundling.remembered._COARSE", 0)
    root = write(tmp_path / "shop", a="A.", b="B.")

    def made() -> list[str]:
        found = bundle_folders([str(root)], budget=100, task=None, form="md", embedder=None)
        return [part.specifier[-4:] for part in found.parts]

    assert made() == made() == ["a.md", "b.md"]
    (root / ".gitignore").write_text("a.md\n")
    assert made() == ["b.md"]
    (root / ".gitignore").unlink()
    assert made() == ["a.md", "b.md"]


def test_capitals_are_found_beside_other_letters(tmp_path: Path) -> None:
    """Also where a text is not ASCII, and where its letters beyond ASCII have capitals themselves."""
    texts = {
        "plain": "ROTATE THE KEYS",
        "dash": "ROTATE — THE KEYS…",
        "umlaut": "SCHLÜSSEL: ROTATE THE KEYS",
        "no": "—",
    }
    root = write(tmp_path, **texts)
    found = {part.specifier: part.why for part in bundle(root, budget=4000, task="rotate keys").parts}
    assert [why.partition(":")[0] for why in found.values()] == [*["relevance"] * 3, "priority 50"]
    assert "schlüssel" in bundle(root, budget=4000, task="schlüssel").text.lower().split("-->")[1]


@pytest.mark.parametrize("size", [32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 100_000])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_files_of_any_length_are_read_whole(tmp_path: Path, size: int, ends: str) -> None:
    """The digest is that of the text with its line ends as a model gets them."""
    text = ("é" + ends) * (size // 3)
    (tmp_path / "a.md").write_bytes(text.encode().ljust(size, b"x"))
    [part] = bundle(tmp_path, budget=10).parts
    whole = (text.replace("\r\n", "\n") + "x" * (size - len(text.encode()))).encode()
    assert part.digest == f"sha256:{hashlib.sha256(whole).hexdigest()}"
