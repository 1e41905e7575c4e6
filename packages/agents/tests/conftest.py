"""Every test has a project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What agents keep in `.lev` lies in the test's own folder."""
    monkeypatch.chdir(tmp_path)
