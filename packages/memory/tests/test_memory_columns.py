"""The arrays that a search works on are what the records say, in whatever order those come."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.memory import Record, Scope
from lev_os.memory.backends.sqlite import vectors
from lev_os.memory.backends.sqlite.source import SqliteSource
from lev_os.memory.backends.sqlite.store import SqliteStore
from lev_os.memory.manager import new_ids
from lev_os.memory.search import bm25, finding, ranking
from lev_os.memory.search.columns import Columns
from lev_os.memory.search.source import finished
from lev_os.memory.types import Change, Moment, Probe

ADA = Scope(tenant="acme")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
turns = st.tuples(st.sampled_from(["a", "b", None]), st.none() | st.integers(0, 9))


def put(store: SqliteStore, records: list[Record]) -> list[str]:
    ids = new_ids(len(records))
    return store.append(
        ADA, [Change(op="put", id=i, scope=ADA, at=NOW, record=r) for i, r in zip(ids, records, strict=True)]
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(turns, min_size=1, max_size=6), max_size=5), st.data())
def test_neighbours_are_those_of_the_session(
    batches: list[list[tuple[str | None, int | None]]], data: st.DataObject
) -> None:
    """Turns may come in any order, in any batches, and some may be erased; those without a number come last."""
    store = SqliteStore(":memory:", None)
    columns = Columns(1)
    there: list[tuple[str | None, float, int, str]] = []
    for batch in batches:
        records = [Record(text=f"{len(there) + n}", session=s, sequence=q) for n, (s, q) in enumerate(batch)]
        for record, id in zip(records, put(store, records), strict=True):
            place = float("inf") if record.sequence is None else float(record.sequence)
            there.append((record.session, place, int(record.text), id))
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(there))
            store.erase(ADA, [gone[3]], NOW)
            there = [turn if turn != gone else (None, -1.0, turn[2], "") for turn in there]
        if data.draw(st.booleans()):
            finished(columns.catch_up(SqliteSource(store.db)))
    finished(columns.catch_up(SqliteSource(store.db)))
    for session in ("a", "b"):
        docs = [doc for own, _, doc, _ in sorted(there, key=lambda turn: turn[1:3]) if own == session]
        assert [int(columns.before[doc]) for doc in docs] == [-1, *docs[:-1]][: len(docs)]
        assert [int(columns.after[doc]) for doc in docs] == [*docs[1:], -1][: len(docs)]
    store.close()


@pytest.mark.parametrize("gone", [0, 150])
def test_a_large_space_finds_what_a_small_one_finds(monkeypatch: pytest.MonkeyPatch, gone: int) -> None:
    """With sketches and an exact comparison of the best, the first ten are the same as with all vectors compared."""
    rng = np.random.default_rng(3)
    made = rng.standard_normal((600, 96)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    store = SqliteStore(":memory:", "fixed")
    ids = put(store, [Record(text=f"tea {i}", session=f"s{i // 20}", sequence=i) for i in range(600)])
    store.embed([(key, made[n]) for n, (key, _) in enumerate(store.reader.unembedded(1_000))])
    store.erase(ADA, ids[:gone], NOW)
    asked = [made[i] + 0.3 * made[i - 1] for i in range(gone, 600, 60)]
    found = {}
    for exact in (vectors.EXACT, 100):
        monkeypatch.setattr(vectors, "EXACT", exact)
        monkeypatch.setattr(vectors, "RERANKED", 300)
        store.reader._vectors.clear()
        probes = [Probe(text="", k=10, moment=Moment(now=NOW), embed=lambda _, q=q: q) for q in asked]  # type: ignore[misc]
        found[exact] = [[hit.record.text for hit in store.reader.search(ADA, probe)] for probe in probes]
    pairs = list(zip(*found.values(), strict=True))
    assert all(small[0] == large[0] for small, large in pairs)
    assert np.mean([len({*small} & {*large}) for small, large in pairs]) > 9
    store.close()


def test_what_is_kept_of_common_terms_is_that_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was asked all along answers as one that was just opened, whatever came and went in between."""
    monkeypatch.setattr(vectors, "EXACT", 100)
    store = SqliteStore(f"{tmp_path}/m.db", None)
    asked = ("tea", "milk", "tea milk", "t7", "tea t7", "milk t7 tea")

    def hits(of: SqliteStore) -> list[Any]:
        probes = [Probe(text=text, k=400, moment=Moment(now=NOW)) for text in asked]
        return [[(hit.record.id, hit.score) for hit in of.reader.search(ADA, probe)] for probe in probes]

    def same() -> None:
        fresh = SqliteStore(f"{tmp_path}/m.db", None)
        assert hits(store) == hits(store) == hits(fresh)
        fresh.close()

    milk = put(store, [Record(text=f"tea t{n % 30} {'milk' if n < 40 else 'water'} n{n}") for n in range(400)])[:40]
    same()
    put(store, [Record(text=f"tea t{n % 30} n{n}") for n in range(400, 1_000)])  # fewer than 1 in 20 hold milk now
    same()
    put(store, [Record(text=f"milk t{n % 30} n{n}") for n in range(1_000, 1_300)])  # and now more
    same()
    more = put(store, [Record(text=f"sugar n{n}") for n in range(1_300, 6_500)])  # 340 hold milk, which is just common
    same()
    store.erase(ADA, [*milk, *more[:5]], NOW)  # and 300 is not
    same()
    store.close()


@pytest.mark.parametrize("wanted", [5, 60, 900])
def test_the_best_words_are_those_of_all_scores(monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    """Though not all scores are looked at; of equals the first."""
    monkeypatch.setattr(finding, "_WORDED", wanted)
    rng = np.random.default_rng(1)
    for _ in range(50):
        held = [np.flatnonzero(rng.random(1_000) < share) for share in rng.choice([0.0, 0.02, 0.1, 0.7], 3)]
        found = [(places, rng.integers(1, 4, len(places)).astype(np.float32)) for places in held]
        lexical = bm25.score(found, np.full(1_000, 9, np.uint16), 1_000, 9.0)
        able = np.flatnonzero(lexical > 0)
        expected = able[ranking.best(lexical[able], wanted)]
        assert finding._worded(found, lexical).tolist() == expected.tolist()


@pytest.mark.parametrize("words", range(1, 9))
def test_distances_are_counts_of_bits(words: int) -> None:
    """Of sketches of any length, up to those that differ in every bit."""
    near = vectors.Vectors(SqliteStore(":memory:", None).db, Columns(1), "fixed")
    sketches = np.random.default_rng(words).integers(0, 1 << 63, (words, 300), np.uint64)
    sketches[:, 7] = 0
    near._sketches = sketches
    expected = np.bitwise_count(~sketches).sum(axis=0, dtype=np.int64)
    assert expected[7] == 64 * words
    assert near._distances(np.ones(64 * words, np.float32), 300).tolist() == expected.tolist()


def test_values_are_told_apart() -> None:
    """Ascending, each once; of none there are none."""
    assert ranking.distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert ranking.distinct(np.array([], np.int64)).tolist() == []
