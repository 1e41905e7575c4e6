"""From a name or a path to a package, and the name under which a folder is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lev_os.core.errors import InvalidInput, Location
from lev_os.core.packaging import InvalidSpecifier, Package, PackageNotFound, load_package
from lev_os.core.packaging.loading import import_name

MakePackage = Callable[..., Package]


def test_a_distribution_name_is_refused_with_the_right_spelling() -> None:
    """Packages go by their import name."""
    with pytest.raises(InvalidSpecifier, match="write acme_support"):
        load_package("acme-support")


def test_a_path_that_cannot_be_one() -> None:
    """A NUL in it is no crash."""
    with pytest.raises(PackageNotFound):
        load_package(Path("a\0b/c"))


def test_two_packages_in_one_project(tmp_path: Path) -> None:
    """Which one is meant must be said."""
    for name in ("one", "two"):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "lev.toml").write_text("format = 1\n")
    with pytest.raises(InvalidInput, match=r"there are 2 packages here: one, two\n    help: name one of them"):
        load_package(tmp_path)


@pytest.mark.parametrize(
    ("claimed", "name"),
    [
        ('name = "outer.inner"', "outer.inner"),
        ('name = "other.inner"', "inner"),
        ('name = "not a name"', "inner"),
        ("name = 3", "inner"),
        ("name = ", "inner"),
    ],
)
def test_the_manifest_names_a_package_of_a_namespace_where_it_fits(tmp_path: Path, claimed: str, name: str) -> None:
    """Folders of a namespace hold no `__init__.py`; a claim that does not fit the folders counts for nothing."""
    root = tmp_path / "outer" / "inner"
    root.mkdir(parents=True)
    (root / "lev.toml").write_text(f"format = 1\n{claimed}\n")
    assert import_name(root) == name


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    """It goes by its own name."""
    assert import_name(tmp_path) == tmp_path.name


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (Location(), "<text>"),
        (Location("a.yaml"), "a.yaml"),
        (Location("a.yaml", 3), "a.yaml:3"),
        (Location("a.yaml", 3, 4), "a.yaml:3:4"),
    ],
)
def test_places_say_what_is_known(at: Location, text: str) -> None:
    """File, line and column, as far as they go."""
    assert str(at) == text
