"""A project with a package of every kind of export, and ways to look at a tree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `build_support` is a module beside the tests, not a test

from build_support import FILES, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project `acme-shop` with the package `shop` in `src/`."""
    return write(tmp_path / "project", FILES)
