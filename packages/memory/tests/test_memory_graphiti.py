"""Memory in a graph: it conforms, Graphiti reads what we remember, and a model's facts become records."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lev_os.core import LevError
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem
from lev_os.memory.backends.graphiti import GraphitiBackend, falkor, naming
from lev_os.memory.backends.graphiti.extraction import extract
from lev_os.memory.backends.graphiti.parts import part
from lev_os.memory.conformance.suite import *  # noqa: F403  # the tests and their fixtures

KIND = "kuzu" if sys.version_info < (3, 12) else "falkordb"
pytestmark = pytest.mark.slow
ADA = Scope(tenant="acme", user="ada")
MAY = datetime(2026, 5, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installed() -> None:
    """Asked of each test, not of the module: the fast group is collected without these parts."""
    pytest.importorskip("graphiti_core", reason="needs lev-os-memory[graphiti]", exc_type=ImportError)


@pytest.fixture
def memory_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The backend under test."""
    monkeypatch.setitem(falkor._SERVER, "rdbcompression", "no")  # bytes of what was erased would be hard to see
    return f"graphiti+{KIND}:///{tmp_path}/graph"


async def edges(memory: MemoryManager, scope: Scope) -> list[Any]:
    """The facts of a scope, as Graphiti itself reads them."""
    assert isinstance(memory.backend, GraphitiBackend)
    group = naming.group_of(scope)
    try:
        found = await part("edges").EntityEdge.get_by_group_ids(memory.backend.graph.of_group(group), [group])
    except part("errors").GroupsEdgesNotFoundError:
        return []
    return sorted(found, key=lambda edge: str(edge.fact))


async def episodes(memory: MemoryManager, scope: Scope) -> list[str]:
    """The episodes of a scope, as Graphiti itself reads them."""
    assert isinstance(memory.backend, GraphitiBackend)
    group = naming.group_of(scope)
    found = await part("nodes").EpisodicNode.get_by_group_ids(memory.backend.graph.of_group(group), [group])
    return sorted(episode.content for episode in found)


def naive(at: datetime | None) -> datetime | None:
    """A time as Kuzu gives it back: UTC, without saying so."""
    return None if at is None else at.replace(tzinfo=None)


def test_graphiti_reads_what_we_remember(memory_url: str) -> None:
    """Records are episodes, facts are edges with both times; one that is retracted is no episode until restored."""
    now = [MAY]

    async def main() -> None:
        async with MemoryManager.open(memory_url, embedder=None, clock=lambda: now[0]) as memory:
            said = Record(text="Ada: tea, please.", session="s1", role="user")
            tea = Record(
                type="semantic", text="Ada drinks tea", subject="Ada", predicate="drinks", data={"object": "tea"}
            )
            episode, old = await memory.put([said, tea], scope=ADA)
            assert await episodes(memory, ADA) == ["Ada drinks tea", "Ada: tea, please."]
            (edge,) = await edges(memory, ADA)
            assert (edge.name, edge.fact, naive(edge.valid_at), edge.invalid_at) == (
                "drinks", "Ada drinks tea", naive(MAY), None,
            )  # fmt: skip
            now[0] += timedelta(days=1)
            moved = MAY + timedelta(days=9)
            new = Record(type="semantic", text="Ada drinks coffee", subject="Ada", predicate="drinks", valid_from=moved)
            await memory.supersede(old, new, scope=ADA)
            coffee, tea_edge = await edges(memory, ADA)
            assert (naive(tea_edge.invalid_at), naive(tea_edge.expired_at)) == (naive(moved), naive(now[0]))
            assert (naive(coffee.valid_at), coffee.invalid_at, coffee.expired_at) == (naive(moved), None, None)
            await memory.retract(episode, scope=ADA)
            assert "Ada: tea, please." not in await episodes(memory, ADA)
            await memory.restore(episode, scope=ADA)
            await memory.restore(old, scope=ADA)
            assert "Ada: tea, please." in await episodes(memory, ADA)
            assert [edge.invalid_at for edge in await edges(memory, ADA)] == [None, None]
            assert await edges(memory, Scope(tenant="acme", user="bob")) == []

    asyncio.run(main())


def left(folder: Path, *marks: bytes) -> list[tuple[str, bytes]]:
    """Where marks stand in the files of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [(path.name, mark) for path in files for mark in marks if mark in path.read_bytes()]


def test_erasing_leaves_no_byte(memory_url: str, tmp_path: Path) -> None:
    """No file of the graph's, and nothing it notes of queries, holds anything of it; everything else is still there."""
    marks = (b"anzibar", b"quixot", b"umquats", b"eripatet")
    with MemoryManager.open_sync(memory_url) as memory:
        kept = memory.put([Record(text=f"tea {i}") for i in range(50)], scope=ADA)
        fact = Record(type="semantic", text="Zanzibar quixotic", subject="Peripatetic", predicate="is")
        (id,) = memory.put([fact], scope=ADA)
        memory.retract(id, scope=ADA, reason="Kumquats")
        time.sleep(2)  # FalkorDB writes down what it notes of queries once a second, if it notes any
        assert left(tmp_path, *marks)
        memory.erase(id, scope=ADA)
        assert left(tmp_path, *marks) == []
        memory.put([Record(text="after")], scope=ADA)
    with MemoryManager.open_sync(memory_url) as memory:
        found = [record.id for record in memory.query(scope=ADA, limit=100).records]
        assert found[:50] == kept
        assert len(found) == 51
    assert left(tmp_path, *marks) == []


def test_erasing_while_the_server_writes_its_log_anew(memory_url: str, tmp_path: Path) -> None:
    """FalkorDB does that by itself when the log has grown, with what it held when it began; another one follows."""

    async def main() -> None:
        async with MemoryManager.open(memory_url, embedder=None) as memory:
            (id,) = await memory.put([Record(text="Zanzibar")], scope=ADA)
            assert isinstance(memory.backend, GraphitiBackend)
            graph = memory.backend.graph
            if isinstance(graph, falkor.FalkorGraph):
                await graph._command("CONFIG", "SET", "rdb-key-save-delay", "500000")  # microseconds
                await graph._command("BGREWRITEAOF")
                await graph._command("CONFIG", "SET", "rdb-key-save-delay", "0")
            assert await memory.erase(id, scope=ADA) == [id]
            assert left(tmp_path, b"anzibar") == []

    asyncio.run(main())


def test_an_erasure_that_was_interrupted_is_finished(
    memory_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends between deleting and clearing leaves bytes; the next one that opens the graph clears them."""

    async def died(self: Any) -> None:
        raise StoreProblem("the process died here")

    with MemoryManager.open_sync(memory_url, embedder=None) as memory:
        graph = type(memory._memory.backend.graph)  # type: ignore[attr-defined]  # it is GraphitiBackend's
        (id,) = memory.put([Record(text="Zanzibar")], scope=ADA)
        with monkeypatch.context() as patched:
            patched.setattr(graph, "scrub", died)
            with pytest.raises(StoreProblem, match="died here"):
                memory.erase(id, scope=ADA)
        assert left(tmp_path, b"anzibar")
    with MemoryManager.open_sync(memory_url, embedder=None) as memory:
        assert left(tmp_path, b"anzibar") == []
        assert [change.op for change in memory.history(id, scope=ADA)] == ["erase"]


KILLED = """
import sys
from lev_os.memory import MemoryManager, Record, Scope
scope = Scope(tenant="acme", user="ada")
with MemoryManager.open_sync(sys.argv[1], embedder=None) as memory:
    print("open", flush=True)
    for i in range(100_000):
        fact = Record(text=f"tea {i}", type="semantic", subject="Ada", predicate=str(i))
        (id,) = memory.put([fact], scope=scope)
        if i % 5 == 4:
            memory.retract(id, scope=scope)
        print(id, flush=True)
"""


def test_a_killed_process_loses_nothing_acknowledged(memory_url: str) -> None:
    """After kill -9 everything acknowledged is there, and the graph shows it."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, memory_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    acknowledged = [process.stdout.readline().strip() for _ in range(60)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()

    async def main() -> None:
        async with MemoryManager.open(memory_url, embedder=None) as memory:
            page = await memory.query(Filter(retired=True), scope=ADA, limit=100_000)
            assert [record.id for record in page.records][: len(acknowledged)] == acknowledged
            assert len(page.records) - len(acknowledged) in {0, 1}
            assert len(await edges(memory, ADA)) == len(page.records)
            assert len(await episodes(memory, ADA)) == sum(record.expired_at is None for record in page.records)
            assert memory.problems == []

    asyncio.run(main())


def test_one_process_at_a_time(memory_url: str) -> None:
    """A second process is told so."""
    code = (
        "import sys; from lev_os.memory import MemoryManager as M; M.open_sync(sys.argv[1], embedder=None).__enter__()"
    )
    with MemoryManager.open_sync(memory_url, embedder=None):
        command = [sys.executable, "-c", code, memory_url]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "in use by another program" in said
    assert "StoreProblem" in said


def test_a_damaged_file_is_named(memory_url: str, tmp_path: Path) -> None:
    """With its path, and no traceback of somebody else's."""
    damaged = tmp_path / "graph" / {"kuzu": "graph.kuzu", "falkordb": "appendonlydir/appendonly.aof.manifest"}[KIND]
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no database" * 1000)
    where = re.escape(f"{tmp_path}/graph/graph.")
    with pytest.raises(StoreProblem, match=where), MemoryManager.open_sync(memory_url, embedder=None):
        pass


SAID = re.compile(r"([A-Z][a-z]+) (works at|lives in) ([A-Z][a-z]+)")


async def rules(instructions: str, question: str, kind: Any) -> dict[str, Any]:
    """Answers Graphiti as a model would, for sentences such as `Alice works at Acme`."""
    name = "" if kind is None else kind.__name__
    current = re.search(r"<CURRENT[ _]MESSAGES?>(.*?)</CURRENT[ _]MESSAGES?>", question, re.S)
    facts = SAID.findall(current[1] if current else question)
    if name == "ExtractedEntities":
        names = dict.fromkeys(name for who, _, what in facts for name in (who, what))
        return {"extracted_entities": [{"name": n, "entity_type_id": 0, "episode_indices": [0]} for n in names]}
    if name == "ExtractedEdges":
        return {
            "edges": [
                {
                    "source_entity_name": who,
                    "target_entity_name": what,
                    "relation_type": verb.upper().replace(" ", "_"),
                    "fact": f"{who} {verb} {what}",
                    "episode_indices": [0],
                }
                for who, verb, what in facts
            ]
        }
    if name == "EdgeTimestamps":
        at = re.search(r"<REFERENCE[ _]TIME>\s*(\d{4}-\d\d-\d\d)", question)
        return {"valid_at": f"{at[1]}T00:00:00Z" if at else None, "invalid_at": None}
    if name == "EdgeDuplicate":
        new = SAID.search(question.partition("<NEW FACT>")[2].partition("</NEW FACT>")[0])
        listed = re.findall(r"idx\W+(\d+)\W+fact\W+([A-Z][^\"'\n]*)", question)
        old = [(int(place), found) for place, fact in listed if (found := SAID.match(fact))]
        ended = [place for place, found in old if new and found.group(1, 2) == new.group(1, 2) and found[3] != new[3]]
        return {"duplicate_facts": [], "contradicted_facts": ended}
    empty: dict[str, Any] = {"BatchEdgeTimestamps": {"timestamps": []}, "NodeResolutions": {"entity_resolutions": []}}
    return empty.get(name, {"summaries": []})  # type: ignore[no-any-return]  # each is a dict


def test_a_models_facts_become_records(memory_url: str) -> None:
    """Each names its episode; what a later one contradicts is superseded from its time on; nothing is read twice."""
    now = [MAY]

    async def main() -> None:
        async with MemoryManager.open(memory_url, clock=lambda: now[0]) as memory:
            (first,) = await memory.put([Record(text="Alice works at Acme.", session="s1")], scope=ADA)
            (acme,) = await extract(memory, rules, scope=ADA)
            record = await memory.get(acme, scope=ADA)
            assert record is not None
            assert (record.subject, record.predicate, record.text) == ("Alice", "WORKS_AT", "Alice works at Acme")
            assert (record.sources, record.data["object"], record.session) == ((first,), "Acme", "s1")
            now[0] += timedelta(days=30)
            await memory.put([Record(text="Alice works at Globex. Bob lives in Rome.", session="s2")], scope=ADA)
            assert len(await extract(memory, rules, scope=ADA)) == 2
            assert await extract(memory, rules, scope=ADA) == []
            where = Filter(types=("semantic",), subject="Alice")
            assert [fact.text for fact in (await memory.query(where, scope=ADA)).records] == ["Alice works at Globex"]
            then = await memory.query(where, scope=ADA, as_of=MAY + timedelta(days=1))
            assert [fact.text for fact in then.records] == ["Alice works at Acme"]
            assert len(await edges(memory, ADA)) == 3

    asyncio.run(main())


def test_what_was_extracted_is_erased_too(memory_url: str, tmp_path: Path) -> None:
    """With an episode and the facts from it go the entities that nothing else speaks of."""

    async def main() -> None:
        async with MemoryManager.open(memory_url) as memory:
            (first,) = await memory.put([Record(text="Zuleika works at Zanzibar.")], scope=ADA)
            await memory.put([Record(text="Bob works at Acme.")], scope=ADA)
            found = await extract(memory, rules, scope=ADA)
            await memory.erase([first, found[0]], scope=ADA)
            assert left(tmp_path, b"uleika", b"anzibar") == []
            assert [edge.fact for edge in await edges(memory, ADA)] == ["Bob works at Acme"]

    asyncio.run(main())


def test_other_memories_extract_nothing(tmp_path: Path) -> None:
    """It is said what to open instead."""

    async def main() -> None:
        async with MemoryManager.open("memory://") as memory:
            with pytest.raises(LevError, match=r"graphiti\+kuzu"):
                await extract(memory, rules, scope=ADA)

    asyncio.run(main())


@pytest.fixture
def scope() -> Scope:
    """A tenant whose name Graphiti would refuse."""
    return Scope(tenant="Ä/b_c-d", user="ada")
