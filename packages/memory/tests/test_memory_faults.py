"""Processes that share a store, are killed, or run out of disk: what was acknowledged is there, the index agrees."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lev_os.memory import Filter, MemoryManager, Record, Scope
from lev_os.memory.sync import SyncMemory

pytestmark = pytest.mark.slow

FILE, FOLDER, SERVER = "sqlite:///{tmp}/m.db", "files:///{tmp}/folder", "postgresql"
BOTH = "hybrid:sqlite:///{tmp}/m.db|files:///{tmp}/folder#deadline=10"


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of the store that a test is for."""
    if request.param == SERVER:
        return str(request.getfixturevalue("postgres_url"))
    return str(request.param).replace("{tmp}", str(tmp_path))


@pytest.fixture
def ada() -> Scope:
    """A scope that no other test has: servers are shared."""
    return Scope(tenant=f"acme-{uuid.uuid4()}", user="ada")


def start(script: str, url: str, scope: Scope, *arguments: object) -> subprocess.Popen[str]:
    """A process that is given the URL, the scope and more."""
    command = [sys.executable, "-c", OPENING + textwrap.dedent(script), url, scope.tenant, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


OPENING = """
import sys
from lev_os.memory import Filter, MemoryManager, Record, Scope
url, tenant, *rest = sys.argv[1:]
ada = Scope(tenant=tenant, user="ada")
"""
WRITER = """
name, count = rest[0], int(rest[1])
with MemoryManager.open_sync(url, embedder=None) as memory:
    for i in range(count):
        print(*memory.put([Record(text=f"tea {name} {i}", session=name, sequence=i)], scope=ada), flush=True)
"""
READER = """
with MemoryManager.open_sync(url, embedder=None) as memory:
    for i in range(int(rest[1])):
        memory.search("tea", scope=ada)
"""


@pytest.mark.parametrize("url", [FILE, FOLDER, BOTH], indirect=True)
def test_many_that_make_one_store_at_once(url: str, ada: Scope, tmp_path: Path) -> None:
    """Whoever comes first makes it; the others, in the middle of that, take it for nothing else and lose nothing."""
    together = threading.Barrier(5)

    def one(url: str) -> None:
        together.wait()
        with MemoryManager.open_sync(url, embedder=None) as memory:
            memory.put([Record(text="tea")], scope=ada)

    for i in range(30):
        new = url.replace(str(tmp_path), f"{tmp_path}/{i}")
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(one, [new] * 5))
        with MemoryManager.open_sync(new, embedder=None) as memory:
            assert memory.stats(scope=ada).records == 1


@pytest.mark.parametrize("url", [FILE, SERVER], indirect=True)
def test_four_writers_and_two_readers_lose_nothing(url: str, ada: Scope) -> None:
    """Processes write and read one store at once: no lock error, every record is there and found."""
    running = [start(WRITER, url, ada, f"w{i}", 100) for i in range(4)]
    running += [start(READER, url, ada, f"r{i}", 40) for i in range(2)]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert [errors for errors, code in ended if code] == []
    with MemoryManager.open_sync(url, embedder=None) as memory:
        assert memory.stats(scope=ada).records == 400
        found = memory.search("tea", scope=ada, k=1000)
        assert Counter(hit.record.session for hit in found) == {f"w{i}": 100 for i in range(4)}
        log = memory.changes(scope=ada)
        assert [change.at for change in log] == sorted(change.at for change in log)


BUSY = """
with MemoryManager.open_sync(url, embedder=rest[0] if rest[0] != "none" else None) as memory:
    before = None
    for i in range(100_000):
        fact = Record(type="semantic", text=f"tea {i}", subject="Ada", predicate="drinks")
        if before is None:
            before, = memory.put([fact], scope=ada)
        else:
            before = memory.supersede(before, fact, scope=ada)
        if i % 5 == 4:
            memory.put([Record(text=f"milk {n} {i}") for n in range(20)], scope=ada)
            memory.consolidate(scope=ada)
        print(before, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 23, 60])
@pytest.mark.parametrize("embedder", [None, "static"])
@pytest.mark.parametrize("url", [FILE, FOLDER, SERVER], indirect=True)
def test_what_was_acknowledged_survives_a_kill(url: str, ada: Scope, embedder: str | None, acknowledged: int) -> None:
    """A process killed in the middle of anything: what it had acknowledged is there, and the index agrees with it."""
    process = start(BUSY, url, ada, embedder or "none")
    ids = lines_of(process, acknowledged)
    kill(process)
    with MemoryManager.open_sync(url, embedder=embedder) as memory:
        memory.settle()
        records = {id: memory.get(id, scope=ada) for id in ids}
        assert all(record is not None for record in records.values())
        assert all(record.superseded_by is not None for record in list(records.values())[:-1] if record)
        agrees(memory, ada)
        assert len(memory.query(Filter(subject="Ada"), scope=ada).records) == 1


@pytest.mark.parametrize("acknowledged", [7, 40])
@pytest.mark.parametrize("url", [BOTH], indirect=True)
def test_a_hybrid_memory_survives_a_kill(url: str, ada: Scope, acknowledged: int) -> None:
    """What its member had not got yet it gets from the outbox; then both hold the same."""
    process = start(BUSY, url, ada, "none")
    ids = lines_of(process, acknowledged)
    kill(process)
    primary, member = url.removeprefix("hybrid:").partition("#")[0].split("|")
    with MemoryManager.open_sync(url) as memory:
        memory.put([Record(text="tea again")], scope=ada)
        agrees(memory, ada)
        log = [(change.op, change.id, change.by) for change in memory.changes(scope=ada, limit=100_000)]
        assert {*ids} <= {id for _, id, _ in log}
    for one in (primary, member):
        with MemoryManager.open_sync(one) as memory:
            agrees(memory, ada)
            assert [(c.op, c.id, c.by) for c in memory.changes(scope=ada, limit=100_000)] == log


MIGRATION = """
import asyncio
async def main():
    async with MemoryManager.open(rest[0], embedder=None) as source, MemoryManager.open(url) as target:
        taken_in = target.take_in
        async def told(changes, *, scope):
            print("page", flush=True)
            return await taken_in(changes, scope=scope)
        target.take_in = told
        await source.migrate(target, scope=ada)
        print("done", flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("url", "pages"), [(FILE, 1), (FILE, 2), (FOLDER, 1), (SERVER, 1), (SERVER, 2)], indirect=["url"]
)
def test_a_migration_survives_a_kill(url: str, ada: Scope, tmp_path: Path, pages: int) -> None:
    """Killed in the middle, it is continued by starting it again; then both memories hold the same, and it is found."""
    origin = f"sqlite:///{tmp_path}/origin.db"
    with MemoryManager.open_sync(origin, embedder=None) as source:
        ids = source.put([Record(text=f"tea {i}", session=f"s{i % 7}", sequence=i) for i in range(2_100)], scope=ada)
        for id in ids[::300]:
            source.retract(id, scope=ada)
        source.erase(ids[7], scope=ada)
        process = start(MIGRATION, url, ada, origin)
        assert lines_of(process, pages) == ["page"] * pages
        time.sleep(0.05 * pages)
        kill(process)
        with MemoryManager.open_sync(url) as target:
            agrees(target, ada)
            before = target.stats(scope=ada).records
            assert before < 2_100
            moved = source.migrate(target, scope=ada)
            assert moved.records == 2_099
            assert before + moved.changes >= 2_099
            agrees(target, ada)
            exported = [list(memory.export(scope=ada)) for memory in (target, source)]
            if url.startswith("files:"):  # a folder that is read again knows no order among changes of one instant
                exported = [sorted(lines) for lines in exported]
            assert exported[0] == exported[1]


REINDEXING = """
with MemoryManager.open_sync(url) as memory:
    print("begun", flush=True)
    memory.reindex()
    print("done", flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("url", [FILE, SERVER], indirect=True)
def test_a_reindexing_survives_a_kill(url: str, ada: Scope, delay: float) -> None:
    """Killed while the index is made again, nothing is lost: the old one or the new one is there, vectors follow."""
    with MemoryManager.open_sync(url) as memory:
        memory.put([Record(text=f"tea {i} and milk", session="s", sequence=i) for i in range(1_500)], scope=ada)
        expected = [hit.record.id for hit in memory.search("tea 77 with milk", scope=ada)]
    process = start(REINDEXING, url, ada)
    lines_of(process, 1)
    time.sleep(delay)
    kill(process)
    with MemoryManager.open_sync(url) as memory:
        agrees(memory, ada)
        assert [hit.record.id for hit in memory.search("tea 77 with milk", scope=ada)] == expected


FULL = """
import resource, signal
from lev_os.memory import StoreProblem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with MemoryManager.open_sync(url, embedder=None) as memory:
    memory.put([Record(text="tea")], scope=ada)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        memory.put([Record(text="x" * 2_000_000)], scope=ada)
    except StoreProblem as problem:
        print(problem.help)
    print([hit.record.text for hit in memory.search("tea", scope=ada)])
"""


@pytest.mark.parametrize("url", [FILE, FOLDER], indirect=True)
def test_a_full_disk_loses_nothing(url: str, ada: Scope) -> None:
    """What does not fit is refused with the way out; what was there is there, and the memory goes on."""
    process = start(FULL, url, ada)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert said.splitlines() == ["make room on the disk; nothing was changed", "['tea']"]
    with MemoryManager.open_sync(url, embedder=None) as memory:
        assert [record.text for record in memory.query(scope=ada).records] == ["tea"]


def agrees(memory: SyncMemory, scope: Scope) -> None:
    """What a search can find is what there is, all of it with vectors."""
    memory.settle()
    current = {record.id for record in memory.query(scope=scope, limit=1_000_000).records}
    assert {hit.record.id for hit in memory.search("tea milk", scope=scope, k=1_000_000)} == current
    stats = memory.stats(scope=scope)
    assert (stats.current, stats.unembedded) == (len(current), 0)


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    """The first lines that a process prints."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def kill(process: subprocess.Popen[str]) -> None:
    """End it in the middle of what it does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
