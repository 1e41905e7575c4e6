"""`lev.lock` and bundles: written beside what others wrote, made again from it, and held against what is there now."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.core import load_package
from lev_os.core.errors import LevError
from lev_os.core.packaging.lock import lock_of, read_lock, replace_table
from lev_os.export import Bundle, bundle
from lev_os.export.bundling.locking import frozen, read_bundle, write_bundle

TASK = 'brew "tea"'
LONG = "# Manual\n\n" + "\n\n".join(f"## Chapter {i}\n\n{'word ' * 50}" for i in range(9)) + "\n\n## Tea\n\nBrew it.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package with two contexts, one of them long."""
    folder = tmp_path / "shop"
    (folder / "contexts").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "lev.toml").write_text('format = 1\nname = "shop"\n[exports]\n"./c/*" = { llm = "./contexts/*.md" }\n')
    (folder / "contexts" / "tea.md").write_text("# Green tea\n\nBrew at 80 degrees.\n")
    (folder / "contexts" / "manual.md").write_text(LONG)
    return folder


def made(root: Path) -> Bundle:
    return bundle(*sources(root), budget=90, task=TASK)


def sources(root: Path) -> list[object]:
    package = load_package(root)
    return [package.export(f"./c/{name}") for name in ("manual", "tea")]


def test_made_again_from_the_lock(root: Path, tmp_path: Path) -> None:
    """The same bytes, and what another owner keeps in the file stays; writing again changes nothing."""
    lock = tmp_path / "lev.lock"
    lock.write_text('# mine\n[approved] # read\n"a/contexts/x" = "sha256:0"\n\n[other]\nx = 1\n')
    first = made(root)
    assert {part.state for part in first.parts} == {"in", "cut"}
    write_bundle(lock, first, ["shop"], TASK)
    text = lock.read_text()
    assert text.startswith('# mine\n[approved] # read\n"a/contexts/x" = "sha256:0"\n')
    assert read_lock(lock)["other"] == {"x": 1}
    write_bundle(lock, first, ["shop"], TASK)
    assert lock.read_text() == text
    locked = read_bundle(lock, "md")
    assert (locked.sources, locked.task, locked.budget, locked.tokens) == (("shop",), TASK, 90, first.tokens)
    again, changes = frozen(locked, sources(root))  # type: ignore[arg-type]  # exports are sources
    assert (again.text, changes) == (first.text, [])


def test_drift_says_what_has_changed(root: Path, tmp_path: Path) -> None:
    """A text, a text that is gone, a bundle that has grown beyond its budget."""
    lock = tmp_path / "lev.lock"
    write_bundle(lock, made(root), ["shop"], TASK)
    locked = read_bundle(lock, "md")
    (root / "contexts" / "tea.md").write_text("# Green tea\n\n" + "Brew at 80 degrees. " * 30)
    _, changes = frozen(locked, [load_package(root).export("./c/tea")])
    assert len(changes) == 3
    assert any("shop/c/manual is gone" in change for change in changes)
    assert any("shop/c/tea has another text: sha256:" in change for change in changes)
    assert any("and the budget is 90" in change for change in changes)


def test_a_lock_that_cannot_be_used(tmp_path: Path) -> None:
    """No bundle, no TOML, another shape: each says what to do."""
    lock = tmp_path / "lev.lock"
    with pytest.raises(LevError, match="holds no bundle as md"):
        read_bundle(lock, "md")
    lock.write_text("[bundle.md]\nbudget = 'many'\n")
    with pytest.raises(LevError, match=r"\[bundle.md\]: "):
        read_bundle(lock, "md")
    lock.write_text("not toml")
    with pytest.raises(LevError, match=r"lev\.lock: "):
        read_bundle(lock, "md")
    with pytest.raises(LevError):
        replace_table(lock, "bundle.md", "x = 1\n")
    assert lock.read_text() == "not toml"


def test_where_the_lock_lies(tmp_path: Path) -> None:
    """At the project's root, unless one lies nearer."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "deep").mkdir()
    assert lock_of(tmp_path / "deep") == tmp_path / "lev.lock"
    (tmp_path / "deep" / "lev.lock").touch()
    assert lock_of(tmp_path / "deep") == tmp_path / "deep" / "lev.lock"
