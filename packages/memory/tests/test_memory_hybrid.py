"""A memory in several backends: who gets what, who is asked, and what happens while one of them is down."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lev_os.core.errors import LevError
from lev_os.memory import Filter, Hybrid, Member, MemoryManager, Record, Scope, StoreProblem

ADA = Scope(tenant="acme", user="ada")
FACT = Record(type="semantic", text="Ada drinks tea", subject="Ada", predicate="drinks")
TALK = Record(text="Ada: I would like some tea", session="s1", sequence=1)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a database server that takes calls and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"postgresql://127.0.0.1:{server.getsockname()[1]}/x?connect_timeout=2"


def texts(url: str, **options: object) -> list[str]:
    """The texts that a memory holds."""
    with MemoryManager.open_sync(url, embedder=None) as memory:
        return sorted(record.text for record in memory.query(Filter(retired=True), scope=ADA).records)


def test_members_get_the_types_that_they_are_for(tmp_path: Path) -> None:
    """The primary memory holds everything; a change of a record goes where the record is."""
    primary, facts = f"sqlite:///{tmp_path}/a.db", f"files:///{tmp_path}/facts"
    with MemoryManager.open_sync(f"hybrid:{primary}|{facts}#types=semantic") as memory:
        tea, talk = memory.put([FACT, TALK], scope=ADA)
        coffee = memory.supersede(tea, Record(type="semantic", text="Ada drinks coffee"), scope=ADA, reason="told")
        memory.retract(talk, scope=ADA)
        history = memory.history(tea, scope=ADA)
    assert texts(primary) == ["Ada drinks coffee", "Ada drinks tea", TALK.text]
    assert texts(facts) == ["Ada drinks coffee", "Ada drinks tea"]
    with MemoryManager.open_sync(facts, embedder=None) as memory:
        assert [(c.op, c.at, c.by, c.reason) for c in memory.history(tea, scope=ADA)] == [
            (c.op, c.at, c.by, c.reason) for c in history
        ]
        assert history[1].by == coffee


def test_the_receipts_say_what_each_contributed(tmp_path: Path) -> None:
    """A search and an assembly name every backend that was asked; the same content is found once."""
    url = f"hybrid:sqlite:///{tmp_path}/a.db|sqlite:///{tmp_path}/b.db"
    with MemoryManager.open_sync(url) as memory:
        memory.put([FACT, TALK], scope=ADA)
        alone = memory.search("tea", scope=ADA)
        assert sorted(hit.record.text for hit in alone) == [FACT.text, TALK.text]
        assert [(one.backend, one.found, one.missed) for one in alone.backends] == [
            (f"sqlite:///{tmp_path}/a.db", 2, None),
            (f"sqlite:///{tmp_path}/b.db", 2, None),
        ]
        receipt = memory.assemble("tea", scope=ADA, budget=200).receipt
        assert [one.backend for one in receipt.backends] == [one.backend for one in alone.backends]
    with MemoryManager.open_sync("memory://") as memory:
        assert memory.search("tea", scope=ADA).backends == ()


def test_what_a_member_derived_by_itself_is_erased_with_its_source(tmp_path: Path) -> None:
    """The primary memory never had it, so no `erase` of it is in its log."""
    primary, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    with MemoryManager.open_sync(f"hybrid:{primary}|{other}", embedder=None) as memory:
        (talk,) = memory.put([TALK], scope=ADA)
    with MemoryManager.open_sync(other, embedder=None) as memory:
        memory.put([Record(type="semantic", text="Ada likes tea", sources=(talk,))], scope=ADA)
    with MemoryManager.open_sync(f"hybrid:{primary}|{other}", embedder=None) as memory:
        assert memory.erase(talk, scope=ADA) == [talk]
    assert texts(primary) == texts(other) == []


def test_what_a_member_found_out_by_itself_is_found(tmp_path: Path) -> None:
    """Records that only a member has pass the same gates; what the primary memory says of a record counts."""
    other = f"sqlite:///{tmp_path}/b.db"
    with MemoryManager.open_sync(other) as memory:
        memory.put([Record(text="Ada bought tea"), Record(text="tea of a stranger", trust=0.1)], scope=ADA)
        memory.put([Record(text="tea of Bob")], scope=Scope(tenant="acme", user="bob"))
        memory.put([FACT], scope=ADA)
    with MemoryManager.open_sync(f"hybrid:sqlite:///{tmp_path}/a.db|{other}") as memory:
        (fact,) = memory.put([FACT], scope=ADA)
        hits = memory.search("tea", scope=ADA, where=Filter(min_trust=0.5))
        assert sorted(hit.record.text for hit in hits) == ["Ada bought tea", "Ada drinks tea"]
        assert fact in {hit.record.id for hit in hits}
        for hit in hits:
            assert sum(hit.parts.values()) == pytest.approx(hit.score, abs=1e-5)


def test_one_that_is_silent_costs_its_deadline_once(tmp_path: Path, silent: str) -> None:
    """After that it is left alone, and named in every receipt and in `problems`; nothing else is slower for it."""
    combined = Hybrid(primary=f"sqlite:///{tmp_path}/a.db", members=(Member(url=silent, deadline=0.4),))
    with MemoryManager.open_sync(f"sqlite:///{tmp_path}/a.db", embedder=None) as memory:
        memory.put([TALK], scope=ADA)
    with MemoryManager.open_sync(combined, embedder=None) as memory:
        memory.put([FACT], scope=ADA)
        for _ in range(30):
            hits = memory.search("tea", scope=ADA)
            assert len(hits) == 2
            assert hits.backends[1].missed == "down: no answer within 0.4 s"  # "down": it was not asked
        assert [problem.code for problem in memory.problems] == ["MEM401"]


def test_one_that_comes_back_gets_what_it_missed(tmp_path: Path) -> None:
    """From the outbox, in the same process: writes, changes and erasures, in their order."""
    place = tmp_path / "there"
    place.write_text("no folder yet: a memory cannot be opened here")
    primary, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{place}/b.db"
    members = (Member(url=other, retry=0.05),)
    with MemoryManager.open_sync(Hybrid(primary=primary, members=members)) as memory:
        tea, secret = memory.put([FACT, Record(text="secret tea")], scope=ADA)
        memory.retract(tea, scope=ADA)
        with pytest.raises(StoreProblem, match="still holds what was erased"):
            memory.erase(secret, scope=ADA)
        assert memory.get(secret, scope=ADA) is None
        assert [problem.code for problem in memory.problems] == ["MEM401"]
        place.unlink()
        time.sleep(0.1)
        until = time.monotonic() + 10
        while memory.search("tea", scope=ADA).backends[1].missed or memory.problems:
            assert time.monotonic() < until
            time.sleep(0.02)
        memory.restore(tea, scope=ADA)
        memory.settle()
        expected = memory.history(tea, scope=ADA)
    with MemoryManager.open_sync(other) as memory:
        assert [change.op for change in memory.history(tea, scope=ADA)] == [change.op for change in expected]
        assert [change.op for change in memory.history(secret, scope=ADA)] == ["erase"]
        assert memory.stats(scope=ADA).unembedded == 0


def test_erasing_leaves_no_byte_in_a_member_that_is_open(tmp_path: Path) -> None:
    """Once `erase` returns, neither file nor write-ahead log of any member holds the text."""
    url = f"hybrid:sqlite:///{tmp_path}/a.db|sqlite:///{tmp_path}/b.db#deadline=30|files:///{tmp_path}/c#deadline=30"
    with MemoryManager.open_sync(url, embedder=None) as memory:
        memory.erase(memory.put([Record(text="xyzzyplugh")], scope=ADA), scope=ADA)
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path.name for path in files if b"xyzzyplugh" in path.read_bytes()] == []


def test_what_was_erased_is_not_found_in_a_member_that_does_not_know_yet(tmp_path: Path) -> None:
    """What the primary memory says of a record counts, even if the member is behind."""
    primary, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    with MemoryManager.open_sync(f"hybrid:{primary}|{other}", embedder=None) as memory:
        erased, retracted = memory.put([FACT, TALK], scope=ADA)
    with MemoryManager.open_sync(primary, embedder=None) as memory:
        memory.erase(erased, scope=ADA)
        memory.retract(retracted, scope=ADA)
    with MemoryManager.open_sync(Hybrid(primary=primary, members=(Member(url=other),)), embedder=None) as memory:
        assert memory.search("tea", scope=ADA) == []
    assert texts(other) == [TALK.text]


def test_a_member_that_is_new_gets_everything(tmp_path: Path) -> None:
    """Also what was put before there was a hybrid memory; the next process goes on where this one was."""
    primary = f"sqlite:///{tmp_path}/a.db"
    both = f"hybrid:{primary}|sqlite:///{tmp_path}/b.db#deadline=60"
    with MemoryManager.open_sync(primary, embedder=None) as memory:
        memory.put([Record(text=f"tea {n}") for n in range(2_500)], scope=ADA)
    for n in range(2):
        with MemoryManager.open_sync(both, embedder=None) as memory:
            memory.put([Record(text=f"more tea {n}")], scope=ADA)
            until = time.monotonic() + 60
            while memory.search("tea", scope=ADA, k=10_000).backends[1].found < 2_501 + n:
                assert time.monotonic() < until
                time.sleep(0.02)
            assert len(memory.search("tea", scope=ADA, k=10_000)) == 2_501 + n
    assert texts(primary) == texts(f"sqlite:///{tmp_path}/b.db")
    with MemoryManager.open_sync(primary, embedder=None) as memory:
        noted = memory.query(scope=Scope(tenant="\0lev-memory-outbox")).records
        assert [record.data[1:] for record in noted] == [["acme", 2_505]] or noted[0].data[2] > 2_500
        assert len(noted) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hybrid:", "without an address"),
        ("hybrid:memory://|", "without an address"),
        ("hybrid:memory://|memory://#types=dreams", "there is no type 'dreams'"),
        ("hybrid:memory://|memory://#deadline=soon", "seconds"),
        ("hybrid:memory://|memory://#deadline=-1", "above 0"),
        ("hybrid:memory://|memory://#speed=9", "no option 'speed'"),
        ("hybrid:memory://|nonsense", "names no memory"),
        ("hybrid:nonsense|memory://", "names no memory"),
    ],
)
def test_an_address_that_is_wrong_is_said(url: str, says: str) -> None:
    """With what is wrong in it."""
    with pytest.raises(LevError, match=says), MemoryManager.open_sync(url, embedder=None):
        pass


def test_the_outbox_is_nobodys_tenant() -> None:
    """Neither to read nor to write."""
    with MemoryManager.open_sync("hybrid:memory://|memory://", embedder=None) as memory:
        own = Scope(tenant="\0lev-memory-outbox")
        for attempt in (lambda: memory.put([FACT], scope=own), lambda: memory.query(scope=own)):
            with pytest.raises(LevError, match="belongs to hybrid"):
                attempt()
