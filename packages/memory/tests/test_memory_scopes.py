"""Fifty tenants do everything with every backend at once, and nothing crosses. LEV_MEMORY_OPERATIONS makes it more."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from lev_os.memory import MemoryManager, Scope
from lev_os.memory.backends.sqlite.reading import Reader
from lev_os.memory.conformance.scopes import fuzz_scopes

BACKENDS = {
    # what: URL (or the fixture that answers it), operations that fit into some ten seconds
    "sqlite": ("sqlite:///{tmp}/memory.db", 8_000),
    "memory": ("memory://", 8_000),
    "files": ("files:///{tmp}/folder", 800),
    "hybrid": ("hybrid:sqlite:///{tmp}/a.db|sqlite:///{tmp}/b.db#types=semantic", 1_500),
    "postgres": ("postgres_url", 1_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_nothing_crosses_from_tenant_to_tenant(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """Not one record, id, count or word of another tenant is in any answer."""
    address, operations = BACKENDS[name]
    url = address.replace("{tmp}", str(tmp_path)) if ":" in address else request.getfixturevalue(address)
    with MemoryManager.open_sync(url, embedder=None) as memory:
        fuzz_scopes(memory, f"t-{uuid.uuid4()}", int(os.environ.get("LEV_MEMORY_OPERATIONS", operations)))


def test_the_fuzz_notices_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that forgets the tenant for a moment does not get through."""
    whole = Reader.spaces_of

    def leaky(self: Reader, scope: Scope) -> list[int]:
        mine = whole(self, scope)
        return [*mine, mine[0] - 1] if mine and mine[0] % 37 == 0 else mine

    monkeypatch.setattr(Reader, "spaces_of", leaky)
    with MemoryManager.open_sync("memory://", embedder=None) as memory, pytest.raises(AssertionError):
        fuzz_scopes(memory, "t", 2_000)
