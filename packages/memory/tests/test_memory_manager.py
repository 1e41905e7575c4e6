"""What the manager itself is responsible for: what it refuses, and that it is the same with and without `await`."""

from __future__ import annotations

import asyncio
import inspect
import math
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from lev_os.core import InvalidInput, LevError
from lev_os.memory import Filter, MemoryManager, NotRemembered, Record, Scope, Unsupported
from lev_os.memory.backends.sqlite import SqliteBackend
from lev_os.memory.manager import new_ids
from lev_os.memory.sync import SyncMemory

ADA = Scope(tenant="acme", user="ada")
LINE = '{"op":"put","id":"x","scope":{"tenant":"acme"},"at":"2026-05-07T00:00:00Z","record":{"text":"tea"}}'


@pytest.mark.parametrize("wrong", ["", None, 7, "x" * 600, "\ud800"])
def test_a_scope_names_somebody(wrong: Any) -> None:
    """An empty or impossible name is refused where the scope is made, for the tenant and for every other field."""
    with pytest.raises(InvalidInput, match="MEM103"):
        Scope(tenant=wrong)
    if wrong is not None:
        with pytest.raises(InvalidInput, match="`session`"):
            Scope(tenant="acme", session=wrong)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"type": "dream"}, "`type`"),
        ({"text": b"bytes"}, "`text`"),
        ({"text": "\ud83d"}, "lone surrogates"),
        ({"subject": 7}, "`subject`"),
        ({"trust": 1.1}, "`trust`"),
        ({"importance": math.nan}, "`importance`"),
        ({"ttl": 0}, "`ttl`"),
        ({"ttl": math.inf}, "`ttl`"),
        ({"sources": "one"}, "`sources`"),
        ({"ttl": 1e300}, "`ttl`"),
        ({"ttl": True}, "`ttl`"),
        ({"trust": True}, "`trust`"),
        ({"pinned": 1}, "`pinned`"),
        ({"sources": ["\ud83d"]}, "`sources`"),
        ({"sequence": 1.5}, "`sequence`"),
        ({"sequence": True}, "`sequence`"),
        ({"valid_from": datetime(2026, 1, 2), "valid_to": datetime(2026, 1, 1)}, "before"),
    ],
)
def test_a_record_that_cannot_be_kept_is_refused_at_once(fields: dict[str, Any], says: str) -> None:
    """Where it is made, with the field and the reason."""
    with pytest.raises(InvalidInput, match="MEM101") as caught:
        Record(**{"text": "tea", **fields})
    assert says in str(caught.value)


@pytest.mark.parametrize("data", [math.nan, {1: "a"}, {"a": {2, 3}}, (1, 2), object(), "\ud800", b"x", [math.inf]])
def test_data_that_is_not_json_is_refused(data: Any) -> None:
    """It would not come back as it was; nothing of the call is kept."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        with pytest.raises(InvalidInput, match="MEM102"):
            memory.put([Record(text="good"), Record(text="bad", data=data)], scope=ADA)
        assert memory.stats(scope=ADA).records == 0


def test_data_of_any_depth_and_size_is_kept_or_refused() -> None:
    """Deep nesting has an end, and large numbers keep every digit."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        with pytest.raises(InvalidInput):
            memory.put([Record(text="deep", data=deep)], scope=ADA)
        (id,) = memory.put([Record(text="large", data=10**40)], scope=ADA)
        found = memory.get(id, scope=ADA)
        assert found is not None
        assert found.data == 10**40


def test_a_record_of_another_session_does_not_fit() -> None:
    """A scope with a session and a record with another contradict each other."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory, pytest.raises(InvalidInput, match="session"):
        memory.put([Record(text="tea", session="s1")], scope=Scope(tenant="acme", session="s2"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "oracle://x",
        "sqlite:",
        "sqlite://x.db",
        "sqlite:///",
        "memory://x",
        "files://x",
        "sqlite:///a%00b",
    ],
)
def test_an_address_that_names_nothing_is_answered_with_one_that_does(url: str) -> None:
    """The message shows how a URL is written."""
    with pytest.raises(LevError) as caught, MemoryManager.open_sync(url, embedder=None):
        pass
    assert "://" in str(caught.value)


def test_an_embedder_that_does_not_exist_is_answered_with_the_ways() -> None:
    """Never a silent fallback to words alone."""
    with pytest.raises(LevError), MemoryManager.open_sync("memory://", embedder="nonsense:model"):
        pass


def test_what_a_backend_cannot_do_is_refused() -> None:
    """With the capability's name, and without doing something else instead."""

    async def main() -> None:
        async with MemoryManager.open("memory://") as memory:
            (id,) = await memory.put([Record(text="tea")], scope=ADA)
            assert isinstance(memory.backend, SqliteBackend)
            memory.backend.capabilities = frozenset()
            tried = (
                memory.search("tea", scope=ADA, as_of=datetime(2026, 1, 1)),
                memory.query(scope=ADA, known_at=datetime(2026, 1, 1)),
                memory.restore(id, scope=ADA),
                memory.erase(id, scope=ADA),
            )
            for refused in tried:
                with pytest.raises(Unsupported, match="capability"):
                    await refused
            assert len(await memory.search("tea", scope=ADA)) == 1

    asyncio.run(main())


def test_both_faces_have_the_same_methods() -> None:
    """Every public method of the manager is there without `await`, with the same parameters."""
    for name, method in inspect.getmembers(MemoryManager, inspect.isfunction):
        if name.startswith("_"):
            continue
        theirs = inspect.signature(getattr(SyncMemory, name)).parameters
        assert list(inspect.signature(method).parameters) == list(theirs), name


def test_ids_stand_in_the_order_in_which_they_were_made() -> None:
    """Those of one call too, so that a store can append them to its index; and none is given twice."""
    made = [*new_ids(300), *new_ids(1)]
    assert made[:-1] == sorted({*made[:-1]})
    assert len({*made}) == 301
    assert {len(id) for id in made} == {32}


def test_importing_is_light() -> None:
    """Neither numpy nor a model library is loaded before a memory is opened."""
    code = (
        "import sys, lev_os.memory as m; m.MemoryManager; print({'numpy', 'pydantic_ai', 'sqlite3'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    "wrong", ["2026-05-07", date(2026, 5, 7), datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))]
)
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    """In a record and in a question."""
    with pytest.raises(InvalidInput, match="MEM104"):
        Record(text="tea", valid_from=wrong)
    with MemoryManager.open_sync("memory://", embedder=None) as memory, pytest.raises(InvalidInput, match="MEM104"):
        memory.search("tea", scope=ADA, as_of=wrong)


def test_a_lone_surrogate_breaks_nothing() -> None:
    """As a question it is read as far as it goes, as an id it is nobody's, as a reason it is refused."""
    with MemoryManager.open_sync("memory://") as memory:
        (tea,) = memory.put([Record(text="Ada drinks tea")], scope=ADA)
        assert [hit.record.id for hit in memory.search("tea \ud83d", scope=ADA)] == [tea]
        assert memory.get("\ud83d", scope=ADA) is None
        assert memory.history("\ud83d", scope=ADA) == []
        assert memory.erase("\ud83d", scope=ADA) == []
        with pytest.raises(NotRemembered):
            memory.retract("\ud83d", scope=ADA)
        with pytest.raises(InvalidInput, match="MEM105"):
            memory.retract(tea, scope=ADA, reason="\ud83d")
        assert memory.stats(scope=ADA).current == 1


def test_whole_numbers_are_kept_as_numbers() -> None:
    """A `ttl` of 60 is one of 60.0: put once, and with the same hash after a migration."""
    with (
        MemoryManager.open_sync("memory://", embedder=None) as memory,
        MemoryManager.open_sync("memory://", embedder=None) as other,
    ):
        ids = memory.put([Record(text="tea", ttl=60, trust=1), Record(text="tea", ttl=60.0, trust=1.0)], scope=ADA)
        assert ids[0] == ids[1]
        assert memory.migrate(other, scope=ADA).records == 1


def test_a_word_may_be_said_a_hundred_thousand_times() -> None:
    """Counting its occurrences breaks no search, neither of a fresh record nor of an indexed one."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        memory.put([Record(text="tea " * 100_000), Record(text="coffee")], scope=ADA)
        assert len(memory.search("tea", scope=ADA)) == 2
        memory.reindex()
        assert memory.search("tea", scope=ADA, k=1)[0].record.text.startswith("tea")


@pytest.mark.parametrize("wrong", [None, {"tenant": "acme"}, "acme"])
def test_what_is_no_scope_is_refused(wrong: Any) -> None:
    """By every method, before anything is done."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        for call in (
            lambda: memory.put([Record(text="tea")], scope=wrong),
            lambda: memory.get("x", scope=wrong),
            lambda: memory.query(scope=wrong),
            lambda: memory.search("tea", scope=wrong),
            lambda: memory.assemble("tea", scope=wrong, budget=100),
            lambda: memory.supersede("x", Record(text="tea"), scope=wrong),
            lambda: memory.supersede_by("x", "y", scope=wrong),
            lambda: memory.consolidate(scope=wrong),
            lambda: memory.retract("x", scope=wrong),
            lambda: memory.restore("x", scope=wrong),
            lambda: memory.erase("x", scope=wrong),
            lambda: memory.erase(Filter(), scope=wrong),
            lambda: memory.history("x", scope=wrong),
            lambda: memory.scopes(["x"], scope=wrong),
            lambda: memory.changes(scope=wrong),
            lambda: list(memory.export(scope=wrong)),
            lambda: memory.import_(['{"lev_memory": 1}', LINE], scope=wrong),
            lambda: memory.migrate(memory, scope=wrong),
            lambda: memory.stats(scope=wrong),
        ):
            with pytest.raises(InvalidInput, match="must be a `Scope`"):
                call()


@pytest.mark.parametrize("wrong", [Record(text="tea"), "tea", None, 5, ["tea"], {"text": "tea"}, [None]])
def test_what_are_no_records_is_refused(wrong: Any) -> None:
    """One record is a list too."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        with pytest.raises(InvalidInput, match="takes a list of `Record`s"):
            memory.put(wrong, scope=ADA)
        assert len(memory.put(iter([Record(text="tea")]), scope=ADA)) == 1


@pytest.mark.parametrize("wrong", [10**30, -1, 1.5, None, "1", True])
def test_a_limit_or_cursor_that_leads_nowhere_is_refused(wrong: Any) -> None:
    """Whatever the backend would make of it."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        for call in (
            lambda: memory.changes(wrong, scope=ADA),
            lambda: memory.changes(limit=wrong, scope=ADA),
            lambda: memory.query(limit=wrong, scope=ADA),
            lambda: memory.query(limit=0, scope=ADA),
        ):
            with pytest.raises(InvalidInput, match="must be an integer"):
                call()


@pytest.mark.parametrize("url", ["memory://", "hybrid:memory://|memory://"])
def test_a_memory_that_was_closed_says_so(url: str) -> None:
    """To whoever kept it."""
    with MemoryManager.open_sync(url) as memory:
        memory.put([Record(text="tea")], scope=ADA)
    for call in (
        lambda: memory.put([Record(text="milk")], scope=ADA),
        lambda: memory.search("tea", scope=ADA),
        lambda: memory.stats(scope=ADA),
    ):
        with pytest.raises(LevError, match="was closed"):
            call()
