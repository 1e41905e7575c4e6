"""Every distribution carries the licence it names."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "project", sorted((ROOT / "packages").glob("*/pyproject.toml")), ids=lambda path: path.parent.name
)
def test_a_package_ships_the_licence(project: Path) -> None:
    """A build sees only the package's own folder, so each holds a copy, the same to the byte."""
    said = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    assert said["license"] == "Apache-2.0"
    assert said["license-files"] == ["LICENSE"]
    assert (project.parent / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
