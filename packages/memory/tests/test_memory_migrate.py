"""Moving everything from one memory to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem

ADA = Scope(tenant="acme", user="ada")


def test_a_migration_can_be_stopped_and_continued(tmp_path: Path) -> None:
    """What arrived before is not taken in again; afterwards both memories hold the same."""
    with (
        MemoryManager.open_sync(f"sqlite:///{tmp_path}/a.db", embedder=None) as source,
        MemoryManager.open_sync("memory://", embedder=None) as target,
    ):
        ids = source.put([Record(text=f"tea {i}") for i in range(30)], scope=ADA)
        source.retract(ids[3], scope=ADA)
        lines = list(source.export(scope=ADA))
        assert target.import_(lines[:12], scope=ADA) == 11
        moved = source.migrate(target, scope=ADA)
        assert (moved.records, moved.changes) == (30, 20)
        assert source.migrate(target, scope=ADA).changes == 0
        assert target.query(Filter(retired=True), scope=ADA) == source.query(Filter(retired=True), scope=ADA)


def test_a_target_that_differs_is_reported(tmp_path: Path) -> None:
    """A record that was changed in the target is no silent loss."""
    with (
        MemoryManager.open_sync("memory://", embedder=None) as source,
        MemoryManager.open_sync("memory://", embedder=None) as target,
    ):
        (id,) = source.put([Record(text="tea")], scope=ADA)
        source.migrate(target, scope=ADA)
        target.retract(id, scope=ADA)
        with pytest.raises(StoreProblem, match="differs in the target"):
            source.migrate(target, scope=ADA)
