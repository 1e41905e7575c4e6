"""Everything can be moved from every memory to every other one, and comes back as it was."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from lev_os.memory import Filter, MemoryManager, Record, Scope, Unsupported
from lev_os.memory.sync import SyncMemory
from mastra_server import serving

MAY = datetime(2026, 5, 7, tzinfo=UTC)
GRAPH = "graphiti+kuzu" if sys.version_info < (3, 12) else "graphiti+falkordb"
PLAIN = {
    "memory": "memory://",
    "sqlite": "sqlite:///{tmp}/memory.db",
    "files": "files:///{tmp}/files",
    "mastra-tables": "mastra+sqlite:///{tmp}/mastra.db",
    "hybrid": "hybrid:sqlite:///{tmp}/memory.db|files:///{tmp}/files",
}
SERVED = {
    "graphiti": f"{GRAPH}:///{{tmp}}/graph",
    "mastra": "mastra+http",
    "postgres": "postgresql",
}
NAMES = (*PLAIN, *SERVED, "jsonl", "markdown")
"""Two of them are no memories, but ways to write one down."""


def _pairs() -> Iterator[Any]:
    for source, target in permutations(NAMES, 2):
        if source in ("jsonl", "markdown"):
            continue
        marks = [pytest.mark.slow] if {source, target} & set(SERVED) else []
        if "mastra" in (source, target):
            marks.append(pytest.mark.node)
        yield pytest.param(source, target, marks=marks, id=f"{source}-{target}")


@pytest.fixture(scope="module")
def mastra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Mastra server."""
    with serving(tmp_path_factory.mktemp("mastra") / "memory.db") as url:
        yield url


def address(request: pytest.FixtureRequest, name: str, folder: Path) -> str:
    """The URL of a memory; servers start when they are first asked for."""
    if name in ("mastra", "postgres"):
        return str(request.getfixturevalue("mastra" if name == "mastra" else "postgres_url"))
    if name == "graphiti":
        pytest.importorskip("graphiti_core", reason="needs lev-os-memory[graphiti]", exc_type=ImportError)
    return (PLAIN | SERVED)[name].replace("{tmp}", str(folder / name))


def fill(memory: SyncMemory, scope: Scope, clock: list[datetime]) -> None:
    """Records of every kind, and everything that can happen to one."""
    ada = Scope(tenant=scope.tenant, user="ada", agent="a/b", project="p.q")
    full = Record(
        type="procedural", text="---\nÉverything\u2028\0 \U0001f600\n", data={"n": [1, 2.5, 10**30, None, "\0"]},
        subject="Ada", predicate="brews", valid_from=MAY, valid_to=MAY + timedelta(days=900), sources=("x", "y"),
        trust=0.25, confidence=0.5, importance=0.75, pinned=True, ttl=1e9, role="Ada", session="s/1", sequence=-3,
    )  # fmt: skip
    memory.put([full, Record(text="", session="s/1")], scope=ada)
    old, wrong, undone, gone = memory.put(
        [
            Record(type="semantic", text=text, subject="Ada", predicate=text)
            for text in ("tea", "milk", "sugar", "gone")
        ],
        scope=Scope(tenant=scope.tenant, user="bob"),
    )
    clock[0] += timedelta(days=1)
    memory.supersede(old, Record(type="semantic", text="coffee", valid_from=MAY), scope=scope, reason="told")
    memory.retract(wrong, scope=scope, reason="a mistake")
    memory.retract(undone, scope=scope)
    memory.restore(undone, scope=scope)
    if "erase" in memory.capabilities:
        memory.erase(gone, scope=scope)


@pytest.mark.parametrize(("source", "target"), [*_pairs()])
def test_nothing_is_lost_on_the_way(request: pytest.FixtureRequest, tmp_path: Path, source: str, target: str) -> None:
    """There and back: ids, times, scopes, histories and tombstones. Doing it again changes nothing."""
    scope = Scope(tenant=f"t-{uuid.uuid4()}")
    clock = [MAY]
    with MemoryManager.open_sync(
        address(request, source, tmp_path / "a"), embedder=None, clock=lambda: clock[0]
    ) as first:
        fill(first, scope, clock)
        exported = list(first.export(scope=scope))
        if target == "jsonl":
            lines = exported
        elif target == "markdown":
            assert first.export_markdown(tmp_path / "md", scope=scope) == 7
            with MemoryManager.open_sync("memory://", embedder=None) as read:
                assert read.import_markdown(tmp_path / "md", scope=scope) == len(exported) - 1
                assert read.import_markdown(tmp_path / "md", scope=scope) == 0
                lines = list(read.export(scope=scope))
        else:
            with MemoryManager.open_sync(address(request, target, tmp_path / "b"), embedder=None) as second:
                # Servers are shared by both sides, so the copy is another tenant's.
                copy = Scope(tenant=f"{scope.tenant}-copy")
                assert second.import_(exported, scope=copy) == len(exported) - 1
                assert second.import_(exported, scope=copy) == 0
                lines = [line.replace(copy.tenant, scope.tenant) for line in second.export(scope=copy)]
                everything = Filter(retired=True)
                assert second.query(everything, scope=copy) == first.query(everything, scope=scope)
        assert lines == exported


@pytest.mark.parametrize("target", ["memory", "files", "mastra-tables"])
def test_what_cannot_be_moved_is_said(request: pytest.FixtureRequest, tmp_path: Path, target: str) -> None:
    """A record that was copied and is erased afterwards goes from the copy too, or it is said that it cannot."""
    scope = Scope(tenant="acme")
    with (
        MemoryManager.open_sync("memory://", embedder=None) as first,
        MemoryManager.open_sync(address(request, target, tmp_path), embedder=None) as second,
    ):
        (id,) = first.put([Record(text="secret")], scope=scope)
        first.migrate(second, scope=scope)
        first.erase(id, scope=scope)
        if "erase" in second.capabilities:
            first.migrate(second, scope=scope)
            assert second.get(id, scope=scope) is None
            return
        with pytest.raises(Unsupported, match="cannot be erased here"):
            first.migrate(second, scope=scope)
        assert second.get(id, scope=scope) is not None


def test_a_damaged_markdown_export_is_refused_as_a_whole(tmp_path: Path) -> None:
    """With every file that holds no record; an export never mixes with what is there already."""
    from lev_os.core import InvalidInput, LevError

    scope = Scope(tenant="acme")
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        memory.put([Record(text=f"tea {i}") for i in range(4)], scope=scope)
        memory.export_markdown(tmp_path / "md", scope=scope)
        with pytest.raises(LevError, match="not empty"):
            memory.export_markdown(tmp_path / "md", scope=scope)
        files = sorted((tmp_path / "md").rglob("*.md"))
        for damaged in files[:2]:
            damaged.write_text("nothing", encoding="utf-8")
        with pytest.raises(InvalidInput) as caught:
            memory.import_markdown(tmp_path / "md", scope=Scope(tenant="other"))
        assert len(caught.value.problems) == 2
        assert memory.stats(scope=Scope(tenant="other")).records == 0
