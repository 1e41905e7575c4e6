"""What a store on disk must stand: erasure to the last byte, other people's files, damage, large records."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from lev_os.memory import MemoryManager, Record, Scope, StoreProblem
from lev_os.memory.backends.sqlite import vectors
from lev_os.memory.backends.sqlite.store import SqliteStore
from lev_os.memory.types import Change

ADA = Scope(tenant="acme", user="ada")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


def test_a_store_of_an_older_format_is_brought_to_this_one(tmp_path: Path) -> None:
    """Its index is made again when it is opened; nothing else changes. A newer format is left alone."""
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db", embedder=None) as memory:
        memory.put([Record(text=f"tea {i} {'milk' * (i % 3)}") for i in range(700)], scope=ADA)
        expected = memory.search("tea milk", scope=ADA)
    with sqlite3.connect(tmp_path / "m.db") as db:
        db.execute("DROP TABLE posting")
        db.execute("CREATE TABLE posting (space, term, chunk, body, PRIMARY KEY (space, term, chunk)) WITHOUT ROWID")
        db.execute("INSERT INTO posting VALUES (1, 'tea', 0, x'00')")
        db.execute("UPDATE meta SET value = 1 WHERE name = 'format'")
    db.close()
    for _ in range(2):
        with MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db", embedder=None) as memory:
            assert memory.search("tea milk", scope=ADA) == expected
    with sqlite3.connect(tmp_path / "m.db") as db:
        db.execute("UPDATE meta SET value = 99 WHERE name = 'format'")
    db.close()
    with (
        pytest.raises(StoreProblem, match="upgrade"),
        MemoryManager.open_sync(f"sqlite:///{tmp_path}/m.db", embedder=None),
    ):
        pass


def test_what_a_record_lacks_is_null(tmp_path: Path) -> None:
    """Nothing stands in its place, flags are numbers, and a reason is kept for those puts alone that have one."""
    full = Record(
        text="tea?", session="s", sequence=0, role="Ada", subject="tea", predicate="is", pinned=True, ttl=1.0,
        valid_to=NOW,
    )  # fmt: skip
    names = "session, sequence, role, speaker, subject, predicate, pinned, question, ends > 0, forgotten > 0, retracted"
    store = SqliteStore(f"{tmp_path}/m.db", None)
    scopes = (ADA, msgspec.structs.replace(ADA, session="s"))
    puts = [
        Change(op="put", id=id, scope=scope, at=NOW, record=record, reason=reason)
        for id, scope, record, reason in zip("ab", scopes, (Record(text="tea"), full), (None, "told"), strict=True)
    ]
    store.append(ADA, puts)
    assert store.db.execute(f"SELECT {names}, superseded_by FROM record ORDER BY row").fetchall() == [
        (None, None, None, None, None, None, 0, 0, None, None, None, None),
        ("s", 0, "Ada", "ada", "tea", "is", 1, 1, 1, 1, None, None),
    ]
    assert store.db.execute("SELECT typeof(hash), typeof(content) FROM record").fetchall() == [("blob", "blob")] * 2
    assert [(c.id, c.reason, c.record) for c in store.reader.changes(ADA, 0, 9, None)] == [
        ("a", None, puts[0].record),
        ("b", "told", full),
    ]
    store.close()


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


@pytest.mark.parametrize("exact", [vectors.EXACT, 0])
def test_a_search_does_not_wait_for_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    """What another process has just put, and not embedded yet, is found by its words; by vectors or by sketches."""
    monkeypatch.setattr(vectors, "EXACT", exact)
    url = f"sqlite:///{tmp_path}/memory.db"
    with MemoryManager.open_sync(url) as memory:
        memory.put([Record(text="tea with lemon")], scope=ADA)
        assert len(memory.search("tea", scope=ADA)) == 1
        with MemoryManager.open_sync(url, embedder=None) as other:
            other.put([Record(text="tea with milk")], scope=ADA)
        assert len(memory.search("tea", scope=ADA)) == 2
