"""What mem0, LangGraph, notes and Mastra keep is taken in, and what has no place is said."""

from __future__ import annotations

import json
import pickle
import sqlite3
import sys
import types
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from lev_os.core import LevError
from lev_os.memory import Filter, MemoryManager, Record, Scope
from lev_os.memory.importing import SOURCES, Taken, read_from
from lev_os.memory.sync import SyncMemory

ACME = Scope(tenant="acme")
MAY = datetime(2026, 5, 7, tzinfo=UTC)


def filled(taken: Taken, scope: Scope = ACME) -> SyncMemory:
    """A memory that has taken it in, twice: the second time does nothing. It must be left by the caller."""
    memory = MemoryManager.open_sync("memory://", embedder=None).__enter__()
    assert memory.take_in(taken.changes, scope=scope) == len(taken.changes)
    assert memory.take_in(taken.changes, scope=scope) == 0
    return memory


class PointStruct:
    """Pickles as Qdrant's points do."""

    def __init__(self, id: str, payload: dict[str, Any]) -> None:
        self.state = {
            "__dict__": {"id": id, "vector": {"": [1.0, 0.0]}, "payload": payload},
            "__pydantic_extra__": None,
        }

    def __getstate__(self) -> dict[str, Any]:
        return self.state


PointStruct.__module__ = "qdrant_client.http.models.models"
PointStruct.__qualname__ = "PointStruct"


def mem0(folder: Path, *strange: bytes) -> Path:
    """A folder as mem0 2.2 leaves it: one memory updated, one deleted, one that its history does not know."""
    place = folder / "qdrant" / "collection" / "mem0"
    place.mkdir(parents=True)
    names = PointStruct.__module__.split(".")
    modules = {".".join(names[:end]): types.ModuleType(names[end - 1]) for end in range(1, len(names) + 1)}
    modules[PointStruct.__module__].PointStruct = PointStruct  # type: ignore[attr-defined]  # pickle looks it up there
    tea = {"data": "I drink coffee", "user_id": "ada", "run_id": "s1", "topic": "drinks", "role": "user"}
    rome = {"data": "I live in Rome", "user_id": "bob", "created_at": "2026-05-09T00:00:00+00:00"}
    with patch.dict(sys.modules, modules):
        blobs = [pickle.dumps(PointStruct(id, payload)) for id, payload in (("m1", tea), ("m3", rome))]
    with closing(sqlite3.connect(place / "storage.sqlite")) as db:
        db.execute("CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)")
        db.executemany("INSERT INTO points VALUES (?, ?)", enumerate([*blobs, *strange]))
        db.commit()
    with closing(sqlite3.connect(folder / "history.db")) as db:
        db.execute(
            "CREATE TABLE history"
            " (id, memory_id, old_memory, new_memory, event, created_at, updated_at, is_deleted, role)"
        )
        first, second = "2026-05-07T00:00:00+00:00", "2026-05-08T00:00:00+00:00"
        db.executemany(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                ("h1", "m1", None, "I drink tea", "ADD", first, first, 0, "user"),
                ("h2", "m2", None, "Nice", "ADD", first, first, 0, "assistant"),
                ("h3", "m1", "I drink tea", "I drink coffee", "UPDATE", first, second, 0, "user"),
                ("h4", "m2", "Nice", None, "DELETE", first, second, 1, "assistant"),
            ],
        )
        db.commit()
    return folder


def test_mem0_with_its_history(tmp_path: Path) -> None:
    """An update supersedes, a deletion retracts, owners and sessions are kept, and other fields are in `data`."""
    taken = read_from("mem0", str(mem0(tmp_path)), scope=ACME)
    assert taken.left_out == {
        "vectors, which are made anew": 2,
        "owners of deleted memories, which mem0 does not keep": 1,
    }
    memory = filled(taken)
    (ada,) = memory.query(scope=Scope(tenant="acme", user="ada")).records
    assert (ada.text, ada.session, ada.role, ada.trust, ada.data) == (
        "I drink coffee", "s1", "user", 0.4, {"mem0": {"topic": "drinks"}},
    )  # fmt: skip
    then = memory.query(scope=ACME, as_of=MAY).records
    assert sorted(record.text for record in then) == ["I drink tea"]
    known = memory.query(scope=ACME, known_at=MAY).records
    assert sorted(record.text for record in known) == ["I drink tea", "Nice"]
    assert [record.text for record in memory.query(scope=Scope(tenant="acme", user="bob")).records] == [
        "I live in Rome"
    ]
    memory.__exit__(None, None, None)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.command,)


def test_a_point_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    """A pickle can be anything; what is no point is left out."""
    mark = tmp_path / "mark"
    strange = (pickle.dumps(Evil(f"touch {mark}")), b"no pickle", pickle.dumps({"id": 1}), b"")
    taken = read_from("mem0", str(mem0(tmp_path / "m", *strange)), scope=ACME)
    assert taken.left_out["points that are not mem0's"] == 4
    assert not mark.exists()


def test_mem0_as_json(tmp_path: Path) -> None:
    """What `get_all()` answers."""
    memories = [
        {"id": "a", "memory": "tea", "created_at": "2026-05-07T00:00:00Z", "metadata": {"k": 1}, "agent_id": "helper"},
        {"id": "b", "memory": None, "created_at": "2026-05-07T00:00:00Z"},
    ]
    strange = [{"memory": "no id"}, {"id": None, "memory": "none"}, "text", {"id": "c", "memory": None, "metadata": []}]
    (tmp_path / "all.json").write_text(json.dumps({"results": [*strange, *memories]}), encoding="utf-8")
    taken = read_from("mem0", str(tmp_path / "all.json"), scope=ACME, trust=1)
    assert taken.left_out["memories without a text or a time"] == 2
    assert taken.left_out["entries without an id"] == 3
    (change,) = taken.changes
    assert change.record == Record(type="semantic", text="tea", valid_from=MAY, data={"mem0": {"k": 1}})
    assert change.scope == Scope(tenant="acme", agent="helper")


def test_langgraphs_store(tmp_path: Path) -> None:
    """Items with any value; what has expired is left out."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        db.execute("CREATE TABLE store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)")
        at = "2026-05-07 00:00:00"
        db.executemany(
            "INSERT INTO store VALUES (?, ?, ?, ?, ?, ?, NULL)",
            [
                ("users.ada", "drink", b'{"text":"Ada drinks tea","n":10}', at, at, None),
                ("users.ada", "home", b'{"city":"Rome"}', at, at, None),
                ("users.ada", "soon", '{"content":"soon"}', at, at, "2026-05-07 01:00:00"),
                ("users.ada", "gone", '{"content":"gone"}', at, at, "2026-05-06 01:00:00"),
                ("users.ada", "bad", "{", at, at, None),
            ],
        )
        db.commit()
    taken = read_from("langgraph", str(tmp_path / "store.db"), scope=Scope(tenant="acme", user="ada"))
    assert taken.left_out == {"items that have expired": 1, "items that are not JSON": 1}
    records = [change.record for change in taken.changes]
    assert [record and record.text for record in records] == ["Ada drinks tea", '{"city": "Rome"}', "soon"]
    assert records[0] is not None
    assert records[0].data["langgraph"] == {
        "namespace": ["users", "ada"], "key": "drink", "value": {"text": "Ada drinks tea", "n": 10},
    }  # fmt: skip
    assert records[2] is not None
    assert records[2].ttl == 3_600
    memory = filled(taken, Scope(tenant="acme", user="ada"))
    assert memory.stats(scope=Scope(tenant="acme", user="ada")).records == 3
    memory.__exit__(None, None, None)


def test_a_folder_of_notes(tmp_path: Path) -> None:
    """Frontmatter is kept; what it says about type and time counts; our own files come back as they were."""
    notes = tmp_path / "notes"
    with MemoryManager.open_sync(f"files:///{notes}", embedder=None) as memory:
        (old,) = memory.put([Record(text="mine")], scope=Scope(tenant="acme", user="ada"))
        memory.retract(old, scope=Scope(tenant="acme", user="ada"))
    (notes / "a").mkdir()
    (notes / "a" / "tea.md").write_text(
        "---\ntype: procedural\ncreated: 2026-05-07\ntags: [x]\n---\nBrew it.\n", encoding="utf-8"
    )
    (notes / "plain.md").write_text("Just text --- with a line.\n", encoding="utf-8")
    (notes / "open.md").write_text("---\nno end", encoding="utf-8")
    (notes / "binary.md").write_bytes(b"\xff\xfe")
    (notes / "picture.png").write_bytes(b"x")
    (notes / "link.md").symlink_to(notes / "plain.md")
    taken = read_from("markdown", str(notes), scope=ACME)
    assert taken.left_out["files that are not UTF-8"] == 1
    assert taken.left_out["hidden files and links"] == 1
    assert taken.left_out["files that are not Markdown"] >= 1
    memory = filled(taken)
    found = {record.text: record for record in memory.query(Filter(retired=True), scope=ACME).records}
    assert set(found) == {"Brew it.\n", "Just text --- with a line.\n", "---\nno end", "mine"}
    brew = found["Brew it.\n"]
    assert (brew.type, brew.valid_from) == ("procedural", MAY)
    assert brew.data["markdown"]["path"] == "a/tea.md"
    assert brew.data["markdown"]["frontmatter"]["tags"] == ["x"]
    assert found["mine"].expired_at is not None
    memory.__exit__(None, None, None)


def test_mastras_tables(tmp_path: Path) -> None:
    """Ours come back with their history; messages of others are episodes, working memory a record."""
    tables = f"mastra+sqlite:///{tmp_path}/m.db"
    with MemoryManager.open_sync(tables, embedder=None) as memory:
        (old,) = memory.put([Record(text="tea")], scope=Scope(tenant="acme", user="ada"))
        memory.supersede(old, Record(text="coffee"), scope=ACME, reason="told")
        memory.put([Record(text="of somebody else")], scope=Scope(tenant="other"))
        exported = list(memory.export(scope=ACME))
    at = "2026-05-07T00:00:00.000Z"
    parts = [{"type": "text", "text": "My cat is Miso"}, {"type": "file", "data": "x"}]
    with closing(sqlite3.connect(tmp_path / "m.db")) as db:
        metadata = b"\x4c\x17k\x17v"  # binary JSON
        db.execute("INSERT INTO mastra_threads VALUES ('t1', 'user-1', 'First', ?, ?, ?)", (metadata, at, at))
        content = json.dumps({"format": 2, "parts": parts})
        row = ("m1", "t1", content, "user", "v2", at, "user-1")
        db.execute("INSERT INTO mastra_messages VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO mastra_messages VALUES ('m2', 't1', 'plain', 'assistant', 'v1', ?, 'user-1')", (at,))
        db.execute("INSERT INTO mastra_resources VALUES ('user-1', '# Ada', NULL, ?, ?)", (at, at))
        db.commit()
    taken = read_from("mastra", str(tmp_path / "m.db"), scope=ACME)
    assert taken.left_out == {"threads of other tenants; name theirs to read them": 2}
    memory = filled(taken)
    assert [line for line in memory.export(scope=Scope(tenant="acme")) if "mastra:" not in line] == exported
    theirs = memory.query(scope=Scope(tenant="acme", user="user-1")).records
    assert [(record.type, record.role, record.text) for record in theirs] == [
        ("episodic", "user", "My cat is Miso"), ("episodic", "assistant", "plain"), ("working", None, "# Ada"),
    ]  # fmt: skip
    assert theirs[0].session == "t1"
    assert theirs[0].data["mastra"] == {
        "parts": [parts[1]], "thread": {"title": "First", "metadata": {"k": "v"}},
    }  # fmt: skip
    memory.__exit__(None, None, None)


@pytest.mark.parametrize("source", SOURCES)
def test_what_cannot_be_read_is_said(source: str, tmp_path: Path) -> None:
    """No such place, and a file of something else: with what to name instead."""
    (tmp_path / "x.db").write_bytes(b"something else" * 100)
    for place in (tmp_path / "nothing", tmp_path / "x.db"):
        with pytest.raises(LevError):
            read_from(source, str(place), scope=ACME)
    assert not (tmp_path / "nothing").exists()


def test_a_source_that_is_not_known() -> None:
    """The ones that are known are named."""
    with pytest.raises(LevError, match="langgraph"):
        read_from("zep", ".", scope=ACME)
