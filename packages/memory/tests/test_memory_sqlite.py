"""What a store on disk must stand: many processes, a killed one, erasure to the last byte, other people's files."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem

ADA = Scope(tenant="acme", user="ada")

WRITER = """
import sys
from lev_os.memory import Filter, MemoryManager, Record, Scope
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with MemoryManager.open_sync(url, embedder=None) as memory:
    for i in range(count):
        record = Record(text=f"tea {name} {i}", session=name, sequence=i)
        print(*memory.put([record], scope=Scope(tenant="acme", user="ada")), flush=True)
"""
READER = """
import sys
from lev_os.memory import MemoryManager, Scope
with MemoryManager.open_sync(sys.argv[1], embedder=None) as memory:
    for i in range(int(sys.argv[3])):
        memory.search("tea", scope=Scope(tenant="acme", user="ada"))
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_four_writers_and_two_readers_lose_nothing(tmp_path: Path) -> None:
    """Processes write and read one file at once: no lock error, every record is there and found."""
    url = f"sqlite:///{tmp_path}/m.db"
    running = [start(WRITER, url, f"w{i}", 100) for i in range(4)] + [start(READER, url, f"r{i}", 40) for i in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with MemoryManager.open_sync(url, embedder=None) as memory:
        assert memory.stats(scope=ADA).records == 400
        found = memory.search("tea", scope=ADA, k=1000)
        assert Counter(hit.record.session for hit in found) == {f"w{i}": 100 for i in range(4)}


BUSY = """
import sys
from lev_os.memory import Filter, MemoryManager, Record, Scope
ada = Scope(tenant="acme", user="ada")
with MemoryManager.open_sync(sys.argv[1], embedder=sys.argv[3] if sys.argv[3] != "none" else None) as memory:
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


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 23, 60])
@pytest.mark.parametrize("embedder", [None, "static"])
@pytest.mark.parametrize("url", ["sqlite:///{}/m.db", "files:///{}"])
def test_what_was_acknowledged_survives_a_kill(
    tmp_path: Path, url: str, embedder: str | None, acknowledged: int
) -> None:
    """A process killed in the middle of anything: what it had acknowledged is there, and the index agrees with it."""
    address = url.format(tmp_path)
    process = start(BUSY, address, "", embedder or "none")
    assert process.stdout is not None
    ids = [process.stdout.readline().strip() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with MemoryManager.open_sync(address, embedder=embedder) as memory:
        memory.settle()
        records = {id: memory.get(id, scope=ADA) for id in ids}
        assert all(record is not None for record in records.values())
        assert all(record.superseded_by is not None for record in list(records.values())[:-1] if record)
        current = {record.id for record in memory.query(scope=ADA, limit=1_000_000).records}
        assert {hit.record.id for hit in memory.search("tea milk", scope=ADA, k=1_000_000)} == current
        stats = memory.stats(scope=ADA)
        assert (stats.current, stats.unembedded) == (len(current), 0)
        assert len(memory.query(Filter(subject="Ada"), scope=ADA).records) == 1


@pytest.mark.parametrize("records", [3, 600])
def test_erasing_leaves_no_byte(tmp_path: Path, records: int) -> None:
    """Neither the text, its words, its data nor the reason of a change is in any file afterwards."""
    secret = Record(text="Zanzibar quixotic", data={"code": "Xylophonic"}, subject="Wombatland")
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db") as memory:
        (id,) = memory.put([secret], scope=ADA)
        memory.put([Record(text=f"tea {i}") for i in range(records)], scope=ADA)
        memory.retract(id, scope=ADA, reason="Kumquats")
        marks = (b"anzibar", b"quixot", b"ylophonic", b"ombatland", b"umquats")
        held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert all(mark in held for mark in marks)
        memory.erase(id, scope=ADA)
        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert [mark for mark in marks if mark in left] == []
        assert memory.stats(scope=ADA).records == records


def test_a_changed_embedder_is_noticed(tmp_path: Path) -> None:
    """Vectors of another embedder are made anew; until then words find what they found."""
    url = f"sqlite:///{tmp_path}/m.db"
    with MemoryManager.open_sync(url, embedder=None) as memory:
        memory.put([Record(text=f"tea {i}") for i in range(40)], scope=ADA)
        assert memory.stats(scope=ADA).unembedded == 0
    with MemoryManager.open_sync(url, embedder="static") as memory:
        assert len(memory.search("tea", scope=ADA, k=50)) == 40
        memory.settle()
        assert memory.stats(scope=ADA).unembedded == 0
        (hit,) = memory.search("tea", scope=ADA, k=1, explain=True)
        assert hit.record.embedder is not None
        assert "meaning" in hit.parts


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Something that is no store, or a store of something else, is refused with its path and a way out."""
    garbage, other = tmp_path / "garbage.db", tmp_path / "other.db"
    garbage.write_bytes(os.urandom(8192))
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    for file, says in ((garbage, "damaged"), (other, "something else")):
        before = file.read_bytes()
        with pytest.raises(StoreProblem, match=says) as caught, MemoryManager.open_sync(f"sqlite:///{file}"):
            pass
        assert str(file) in str(caught.value)
        assert file.read_bytes() == before


@pytest.mark.slow
def test_large_and_many_records_are_kept(tmp_path: Path) -> None:
    """Ten megabytes of text in one record, thousands of records in one call."""
    text = "tea and milk " * 800_000
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db", embedder=None) as memory:
        (id,) = memory.put([Record(text=text)], scope=ADA)
        found = memory.get(id, scope=ADA)
        assert found is not None
        assert found.text == text
        assert len(set(memory.put([Record(text=f"tea {i}") for i in range(10_000)], scope=ADA))) == 10_000
        assert memory.search("9999", scope=ADA, k=1)[0].record.text == "tea 9999"


FULL = """
import resource, signal, sys
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ada = Scope(tenant="acme", user="ada")
with MemoryManager.open_sync(sys.argv[1], embedder=None) as memory:
    memory.put([Record(text="tea")], scope=ada)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        memory.put([Record(text="x" * 2_000_000)], scope=ada)
    except StoreProblem as problem:
        print(problem.help)
    print([hit.record.text for hit in memory.search("tea", scope=ada)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite:///{}/m.db", "files:///{}"])
def test_a_full_disk_loses_nothing(tmp_path: Path, url: str) -> None:
    """What does not fit is refused with the way out; what was there is there, and the memory goes on."""
    process = start(FULL, url.format(tmp_path))
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert said.splitlines() == ["make room on the disk; nothing was changed", "['tea']"]
    with MemoryManager.open_sync(url.format(tmp_path), embedder=None) as memory:
        assert [record.text for record in memory.query(scope=ADA).records] == ["tea"]


def test_a_damaged_index_is_said_and_made_again(tmp_path: Path) -> None:
    """Postings that cannot be read are no traceback; `reindex` makes them and the vectors from the records."""
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db") as memory:
        memory.put([Record(text=f"tea {i}") for i in range(400)], scope=ADA)
    with sqlite3.connect(tmp_path / "m.db") as db:
        db.execute("UPDATE posting SET body = x'0102' WHERE term = 'tea'")
        db.execute("DELETE FROM vector WHERE row < 100")
    db.close()
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db") as memory:
        with pytest.raises(StoreProblem, match="reindex"):
            memory.search("tea", scope=ADA)
        memory.reindex()
        assert len(memory.search("tea", scope=ADA, k=1_000)) == 400
        assert memory.stats(scope=ADA).unembedded == 0
