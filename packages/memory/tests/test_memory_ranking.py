"""Who and what comes first: the speaker and the time that a question names decide among records that are alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lev_os.memory import MemoryManager, Record, Scope
from lev_os.memory.backends.sqlite import vectors
from lev_os.memory.sync import SyncMemory

ADA = Scope(tenant="acme", user="ada")
NOW = datetime(2026, 9, 21, 9, tzinfo=UTC)  # a Monday
HOMES = {
    "Amir": "Lyon", "Birgit": "Porto", "Chloe": "Turin", "Dmitri": "Leeds", "Esther": "Malmo", "Farid": "Ghent",
    "Greta": "Basel", "Hugo": "Krakow", "Ines": "Bergen", "Jonas": "Seville", "Kenji": "Osaka", "Lucia": "Naples",
}  # fmt: skip


@pytest.fixture(params=[None, "static"])
def memory(request: pytest.FixtureRequest) -> Iterator[SyncMemory]:
    """With words alone, and with the vectors that are the default."""
    with MemoryManager.open_sync("memory://", embedder=request.param) as opened:
        yield opened


def first(memory: SyncMemory, question: str) -> str:
    """The text of the best record; the parts of its score add up to it."""
    (hit,) = memory.search(question, scope=ADA, k=1, now=NOW, explain=True)
    parts = {name: value for name, value in hit.parts.items() if not name.startswith("raw_")}
    assert sum(parts.values()) == pytest.approx(hit.score, abs=1e-5)
    return hit.record.text


def homes(form: str) -> list[Record]:
    """Everybody says in a session of their own where they live, or all say it in one, or it is noted without any."""
    said = [(f"{name}: I live in {city}.", {}) for name, city in HOMES.items()]
    if form == "data":
        said = [(f"I live in {city}.", {"speaker": name}) for name, city in HOMES.items()]
    return [
        Record(text=text, data=data, session={"one": "all", "none": None}.get(form, f"s{i}"), sequence=i)
        for i, (text, data) in enumerate(said)
    ]


@pytest.mark.parametrize("form", ["prefix", "data", "one", "none"])
def test_the_speaker_that_is_named_comes_first(memory: SyncMemory, form: str) -> None:
    """However alike what all of them say is; also in a context that has room for little."""
    memory.put(homes(form), scope=ADA)
    for name, city in HOMES.items():
        question = f"Where does {name} live?"
        assert city in first(memory, question)
        assert city in memory.assemble(question, scope=ADA, budget=60, now=NOW).text


def test_a_fact_is_found_beside_what_it_was_made_of(memory: SyncMemory) -> None:
    """A fact has neither session nor speaker nor neighbours; it is of the one that it names all the same."""
    memory.put(homes("prefix"), scope=ADA)
    memory.consolidate(scope=ADA)
    memory.settle()
    for name, city in HOMES.items():
        hits = memory.search(f"Where does {name} live?", scope=ADA, k=2)
        assert {hit.record.type for hit in hits} == {"episodic", "semantic"}
        assert all(city in hit.record.text for hit in hits)


def test_two_people_who_say_the_same_things_are_told_apart(memory: SyncMemory) -> None:
    """Each has a birthday, work and an animal, in conversations about all of it."""
    said = {
        "s1": ("Lea: My favourite fruit is the pear.", "Tom: Mine is the plum.", "Lea: I keep two rabbits.",
               "Tom: I keep a parrot called Kiki."),
        "s2": ("Tom: My birthday is on 4 July.", "Lea: My birthday is on 30 November.", "Tom: I work at a garage.",
               "Lea: I work at a bakery."),
    }  # fmt: skip
    memory.put(
        [Record(text=text, session=s, sequence=i) for s, texts in said.items() for i, text in enumerate(texts)],
        scope=ADA,
    )
    assert "4 July" in first(memory, "When is Tom's birthday?")
    assert "30 November" in first(memory, "When is Lea's birthday?")
    assert "garage" in first(memory, "Where does Tom work?")
    assert "bakery" in first(memory, "Where does Lea work?")
    assert first(memory, "What animals does Lea keep?") == "Lea: I keep two rabbits."


def test_several_that_are_named_come_before_others(memory: SyncMemory) -> None:
    """In any order among themselves."""
    memory.put(homes("prefix"), scope=ADA)
    hits = memory.search("Where do Hugo and Ines live?", scope=ADA, k=2)
    assert sorted(hit.record.text for hit in hits) == ["Hugo: I live in Krakow.", "Ines: I live in Bergen."]


@pytest.mark.parametrize(
    ("question", "guests"),
    [
        ("Who did I have dinner with yesterday?", {"Nora"}),
        ("dinner last week", {"Nora", "Otto", "Pia"}),
        ("dinner last Thursday", {"Otto"}),
        ("dinner five days ago", {"Pia"}),
        ("dinner on 2026-09-17", {"Otto"}),
        ("dinner on 31 October 2025", {"Rolf"}),
        ("dinner in March", {"Silke"}),
        ("dinner last year", {"Rolf", "Theo"}),
    ],
)
def test_the_time_that_is_named_comes_first(memory: SyncMemory, question: str, guests: set[str]) -> None:
    """Its words are not looked for: `last` does not find what was last Halloween."""
    dinners = {
        "Nora in the garden": NOW - timedelta(days=1),
        "Otto": datetime(2026, 9, 17, 19, tzinfo=UTC),
        "Pia by the river": datetime(2026, 9, 16, 19, tzinfo=UTC),
        "Silke in March": datetime(2026, 3, 3, 19, tzinfo=UTC),
        "Rolf last Halloween": datetime(2025, 10, 31, 19, tzinfo=UTC),
        "Theo at the club": datetime(2025, 9, 20, 19, tzinfo=UTC),
    }
    memory.put(
        [
            Record(text=f"had dinner with {who}", valid_from=at, session=f"s{i}")
            for i, (who, at) in enumerate(dinners.items())
        ],
        scope=ADA,
    )
    hits = memory.search(question, scope=ADA, k=len(guests), now=NOW)
    assert {hit.record.text.split()[3] for hit in hits} == guests
    assert any(who in memory.assemble(question, scope=ADA, budget=40, now=NOW).text for who in guests)


@pytest.mark.parametrize("session", [None, "diary"])
def test_a_day_of_a_diary_is_found_without_its_words(memory: SyncMemory, session: str | None) -> None:
    """What is asked says only when; other days say things that sound as much like it."""
    deeds = ("planted beans", "went sailing with Vic", "mended the roof", "saw a play", "wrote a letter to Gran")
    memory.put(
        [
            Record(text=f"I {deeds[day % 5]}.", session=session and f"{session}{day}", valid_from=NOW - timedelta(day))
            for day in range(40)
        ],
        scope=ADA,
    )
    for question, days in (("yesterday", {1}), ("four days ago", {4}), ("last week", set(range(1, 8)))):
        hits = memory.search(f"What did I do {question}?", scope=ADA, k=len(days), now=NOW)
        assert {(NOW - hit.record.begins).days for hit in hits if hit.record.begins} == days
    assert first(memory, "What did I plant last week?") == "I planted beans."


def test_what_is_named_is_a_candidate_in_a_large_memory(memory: SyncMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not everything is ranked, what the question names is; here thousands say the same of themselves."""
    monkeypatch.setattr(vectors, "EXACT", 500)
    said = [
        Record(text=f"N{n}: I live in C{n}.", session=f"s{n}", sequence=n, valid_from=NOW - timedelta(hours=n))
        for n in range(3_000)
    ]
    memory.put(said, scope=ADA)
    memory.settle()
    assert first(memory, "Where does N2900 live?") == "N2900: I live in C2900."
    (hit,) = memory.search("Who lives where since 110 days ago?", scope=ADA, k=1, now=NOW)
    assert hit.record.begins is not None
    assert (NOW.date() - hit.record.begins.date()).days == 110


def test_in_a_large_memory_one_day_of_one_speaker_is_found(memory: SyncMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if what they say is most of it, and that day was another's too."""
    monkeypatch.setattr(vectors, "EXACT", 500)
    memory.put(
        [
            Record(text=f"{who}: I ran {n} rounds.", session=f"s{n}", sequence=n, valid_from=NOW - timedelta(hours=n))
            for n in range(2_600)
            for who in ("Mia", "Abe")
        ],
        scope=ADA,
    )
    memory.settle()
    hits = memory.search("What did Abe do 60 days ago?", scope=ADA, k=20, now=NOW)
    assert {hit.record.text[:5] for hit in hits} == {"Abe: "}
    assert {hit.record.begins.date() for hit in hits if hit.record.begins} == {(NOW - timedelta(days=60)).date()}
