"""Every backend of ours passes the conformance suite."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lev_os.memory.conformance.suite import *  # noqa: F403  # the tests and their fixtures

URLS = {"memory": "memory://", "files": "files:///{tmp}/folder", "sqlite": "sqlite:///{tmp}/folder/memory.db"}
HYBRID = "hybrid:sqlite:///{tmp}/primary.db|sqlite:///{tmp}/all.db|sqlite:///{tmp}/facts.db#types=semantic,working"
URLS["hybrid"] = HYBRID
SERVERS = {"postgres": "postgres_url"}
"""Backends that need a server: the fixtures that start it and answer its URL."""


@pytest.fixture(params=[*URLS, *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS)])
def memory_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of one of our backends."""
    if request.param in SERVERS:
        return str(request.getfixturevalue(SERVERS[request.param]))
    return URLS[request.param].replace("{tmp}", str(tmp_path))


@pytest.mark.slow
def test_others_run_the_suite_with_an_option(tmp_path: Path) -> None:
    """`pytest --lev-memory-backend=URL` runs the suite, and nothing else, in any folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--lev-memory-backend=memory://"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "passed" in found.stdout
    assert re.search(r"[1-9]\d* skipped", found.stdout) is None
