"""A project with a package of every kind of export, and ways to look at a tree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `build_support` is a module beside the tests, not a test

from build_support import FILES


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project `acme-shop` with the package `shop` in `src/`."""
    folder = tmp_path / "project"
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder
