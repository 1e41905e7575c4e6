"""Mastra's tables without its server: what is written there a real server reads, and the other way round."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lev_os.memory import MemoryManager, Record, Scope, Unsupported
from lev_os.memory.backends.mastra import naming
from lev_os.memory.backends.mastra.jsonb import decode_jsonb
from mastra_server import AGENT, TOKEN, serving

ADA = Scope(tenant="acme", user="ada", session="monday")


def fill(memory_url: str) -> list[str]:
    """Some records with a history; the export."""
    with MemoryManager.open_sync(memory_url, embedder=None) as memory:
        for role, text in (("user", "Do I drink tea?"), ("assistant", "You do.\u2028")):
            memory.put([Record(text=text, role=role, data={"n": 10**30, "nul": "\0"})], scope=ADA)
        (old,) = memory.put([Record(text="Ada drinks tea", type="semantic")], scope=Scope(tenant="acme", user="ada"))
        memory.supersede(old, Record(text="Ada drinks coffee", type="semantic"), scope=Scope(tenant="acme", user="ada"))
        return list(memory.export(scope=Scope(tenant="acme")))


def both_ways(tables: str, database: Path | str) -> None:
    """Written to the tables, read by a server, written by the server, read from the tables."""
    exported = fill(tables)
    with serving(database) as url:
        base, headers = url.removeprefix("mastra+").replace(f"{TOKEN}@", ""), {"Authorization": f"Bearer {TOKEN}"}
        with httpx2.Client(base_url=f"{base}/api", headers=headers, params={"agentId": AGENT}) as api:
            thread, resource = naming.thread_of(ADA), naming.resource_of(ADA)
            said = api.get(f"/memory/threads/{thread}/messages", params={"resourceId": resource}).json()["messages"]
            assert [(one["role"], one["content"]["parts"][0]["text"].strip()) for one in said] == [
                ("user", "Do I drink tea?"), ("assistant", "You do."),
            ]  # fmt: skip
            shown = api.get(f"/memory/threads/{thread}", params={"resourceId": resource}).json()
            assert (shown["title"], shown["metadata"]["levTenant"]) == ("monday", naming.tenant_mark("acme"))
            message: dict[str, Any] = {
                "id": str(uuid.uuid4()), "role": "user", "threadId": thread, "resourceId": resource,
                "content": {"format": 2, "parts": [{"type": "text", "text": "Thanks."}]},
            }  # fmt: skip
            assert api.post("/memory/save-messages", json={"messages": [message]}).is_success
        with MemoryManager.open_sync(url, embedder=None) as memory:
            assert list(memory.export(scope=Scope(tenant="acme")))[: len(exported)] == exported
            memory.put([Record(text="over the server")], scope=ADA)
            after = list(memory.export(scope=Scope(tenant="acme")))
    with MemoryManager.open_sync(tables, embedder=None) as memory:
        assert list(memory.export(scope=Scope(tenant="acme"))) == after
        assert [record.text for record in memory.query(scope=ADA).records][2:] == ["Thanks.", "over the server"]


def test_it_says_why_it_erases_nothing(tmp_path: Path) -> None:
    """And nothing is deleted by halves."""
    with MemoryManager.open_sync(f"mastra+sqlite:///{tmp_path}/a.db", embedder=None) as memory:
        (id,) = memory.put([Record(text="tea")], scope=ADA)
        with pytest.raises(Unsupported, match=r"free pages"):
            memory.erase(id, scope=ADA)
        assert memory.get(id, scope=ADA) is not None


@pytest.mark.slow
@pytest.mark.node
def test_a_libsql_file(tmp_path: Path) -> None:
    """Made by us, or by Mastra: threads it makes have binary metadata, which we read."""
    both_ways(f"mastra+sqlite:///{tmp_path}/a.db", tmp_path / "a.db")
    with serving(tmp_path / "b.db") as url:
        exported = fill(url)
    with sqlite3.connect(tmp_path / "b.db") as db:
        kinds = {type(metadata) for (metadata,) in db.execute("SELECT metadata FROM mastra_threads")}
    db.close()
    assert kinds == {bytes}
    with MemoryManager.open_sync(f"mastra+sqlite:///{tmp_path}/b.db", embedder=None) as memory:
        assert list(memory.export(scope=Scope(tenant="acme"))) == exported


@pytest.mark.slow
@pytest.mark.node
def test_postgresql(postgres_url: str) -> None:
    """Mastra's PostgreSQL schema, whose times have a zone beside them."""
    both_ways(f"mastra+{postgres_url}", postgres_url)


@pytest.mark.parametrize(
    ("blob", "value"),
    [
        (b"\x00", None),
        (b"\x01", True),
        (b"\x02", False),
        (b"\x23" + b"42", 42),
        (b"\x44" + b"0x2A", 42),
        (b"\x35" + b"1.5", 1.5),
        (b"\x27" + b"hi", "hi"),
        (b"\x28" + rb"\n", "\n"),
        (b"\x2a" + b'"\\', '"\\'),
        (b"\xc7\x0d" + b"a longer text", "a longer text"),
        (b"\xd7\x00\x02" + b"ok", "ok"),
        (b"\x0b", []),
        (b"\x3b\x13" + b"1\x00", [1, None]),
        (b"\x6c\x17a\x3b\x13" + b"1\x00", {"a": [1, None]}),
    ],
)
def test_binary_json_by_its_description(blob: bytes, value: Any) -> None:
    """Each kind of value, and each way to write its size."""
    assert decode_jsonb(blob) == value


@pytest.mark.parametrize(
    "blob", [b"", b"\x57hi", b"\x0d", b"\x00\x00", b"\x1c\x00", b"\xc7", b"\x27\xff\xfe", b"\x1b\x57"]
)
def test_damaged_binary_json_is_refused(blob: bytes) -> None:
    """And nothing else is raised."""
    with pytest.raises(ValueError, match="no binary JSON"):
        decode_jsonb(blob)
