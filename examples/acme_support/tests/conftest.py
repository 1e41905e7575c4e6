from pathlib import Path

import pytest
from acme_support.deps import Desk, make


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A freshly seeded desk of its own."""
    return make(tmp_path / "desk.sqlite3")
