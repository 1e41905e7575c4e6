"""What is remembered of a package holds only while the project that builds it says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.check.engine import Checker
from lev_os.check.rules.manifest._package import SOUND
from lev_os.check.selection import Selection

PROJECT = '[project]\nname = "acme"\nversion = "1"\n'
ENTRY = '\n[project.entry-points."lev_os.packages"]\nacme = "acme"\n'


def test_an_example_deep_in_a_project_is_not_its_package(tmp_path: Path) -> None:
    """The project around it does not announce it, and need not."""
    for name, text in SOUND.items():
        path = tmp_path / "docs" / "examples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    assert Checker(tmp_path, selection=Selection(("MAN523",))).check([tmp_path]).diagnostics == ()


def test_a_changed_pyproject_is_seen_by_the_next_check(tmp_path: Path) -> None:
    """Announced, then not, then again: each check says what is so now."""
    for name, text in SOUND.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    checker = Checker(tmp_path, selection=Selection(("MAN523",)))
    said = []
    for text in (PROJECT + ENTRY, PROJECT, PROJECT + ENTRY + "\n"):
        (tmp_path / "pyproject.toml").write_text(text)
        said.append([item.code for item in checker.check([tmp_path / "src"]).diagnostics])
    assert said == [[], ["MAN523"], []]


@pytest.mark.parametrize(
    ("build", "help"),
    [
        ('[build-system]\nbuild-backend = "setuptools.build_meta"\n', "[tool.setuptools.package-data]"),
        (
            '[build-system]\nbuild-backend = "uv_build"\n[tool.uv.build-backend]\nwheel-exclude = ["**/*.md"]\n',
            'narrow "**/*.md" in `wheel-exclude` of [tool.uv.build-backend]',
        ),
        (
            '[build-system]\nbuild-backend = "hatchling.build"\n[tool.hatch.build.targets.wheel]\nexclude = ["*.md"]\n',
            'narrow "*.md" in `exclude` of [tool.hatch.build.targets.wheel]',
        ),
    ],
    ids=["setuptools", "uv", "hatch"],
)
def test_what_leaves_a_file_out_of_the_wheel_is_named(tmp_path: Path, build: str, help: str) -> None:
    """The setting of the project's own backend, not of another one."""
    for name, text in SOUND.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "pyproject.toml").write_text(PROJECT + build)
    (item,) = Checker(tmp_path, selection=Selection(("MAN524",))).check([tmp_path]).diagnostics
    assert item.help is not None
    assert help in item.help
