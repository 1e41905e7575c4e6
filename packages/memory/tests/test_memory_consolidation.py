"""Tidying: what is planned, what is done, and that all of it can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from lev_os.core import LevError
from lev_os.memory import Filter, MemoryManager, Policy, Record, Scope
from lev_os.memory.sync import SyncMemory

ADA = Scope(tenant="acme", user="ada")
MAY = datetime(2026, 5, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def memory() -> Iterator[SyncMemory]:
    with MemoryManager.open_sync("memory://", embedder=None, clock=lambda: MAY + 10 * DAY) as opened:
        yield opened


def facts(memory: SyncMemory) -> list[str]:
    return sorted(record.text for record in memory.query(Filter(types=("semantic",)), scope=ADA).records)


def fact(value: str, at: datetime = MAY, trust: float = 1.0) -> Record:
    text = f"Ada lives in {value}"
    return Record(type="semantic", text=text, subject="Ada", predicate="lives in", valid_from=at, trust=trust)


def test_what_people_say_of_themselves_becomes_a_fact(memory: SyncMemory) -> None:
    """With its source and its time; said anew, it takes the place of the old one; twice done, nothing happens."""
    memory.put(
        [
            Record(text="Ada: I live in Paris, near the river.", session="s1", sequence=1, valid_from=MAY),
            Record(text="Bob: Do I live in London?", session="s1", sequence=2, valid_from=MAY),
            Record(text="Ada: I'm allergic to nuts and I love it here.", session="s1", sequence=3, valid_from=MAY),
            Record(text="Ada: I just moved to Rome!", session="s2", sequence=1, valid_from=MAY + DAY),
        ],
        scope=ADA,
    )
    plan = memory.consolidate(scope=ADA, dry_run=True)
    assert (plan.applied, facts(memory)) == (False, [])
    done = memory.consolidate(scope=ADA)
    assert done.actions == plan.actions
    assert facts(memory) == ["Ada is allergic to nuts", "Ada lives in Rome"]
    then = memory.search("where does Ada live?", scope=ADA, as_of=MAY, where=Filter(types=("semantic",)), k=1)
    assert then[0].record.text == "Ada lives in Paris"
    assert then[0].record.sources
    assert memory.consolidate(scope=ADA).actions == ()


def test_a_model_may_find_the_facts(memory: SyncMemory) -> None:
    """It is given the episodes that no fact comes from yet; its facts are placed like any others."""
    memory.put([Record(text="we talked about where she is now", valid_from=MAY)], scope=ADA)
    given: list[int] = []

    async def extract(episodes: Sequence[Record]) -> Sequence[Record]:
        given.append(len(episodes))
        return [Record(type="semantic", text="Ada lives in Oslo", sources=(episodes[0].id,))]

    memory.consolidate(Policy(extract=False), scope=ADA)
    memory.consolidate(scope=ADA, extract=extract)
    memory.consolidate(scope=ADA, extract=extract)
    assert (given, facts(memory)) == ([1], ["Ada lives in Oslo"])


def test_the_latest_value_of_a_fact_stays(memory: SyncMemory) -> None:
    """The older one is superseded from the newer one's time on, and comes back when it is restored."""
    old, new = memory.put([fact("Paris"), fact("Rome", MAY + DAY)], scope=ADA)
    (action,) = memory.consolidate(scope=ADA).actions
    assert (action.kind, action.id, action.by) == ("supersede", old, new)
    assert facts(memory) == ["Ada lives in Rome"]
    found = memory.get(old, scope=ADA)
    assert found is not None
    assert (found.superseded_by, found.valid_to) == (new, MAY + DAY)
    memory.restore(old, scope=ADA)
    assert len(facts(memory)) == 2


@pytest.mark.parametrize("later", [fact("Hell", MAY + DAY, 0.2), None])
def test_a_doubtful_value_replaces_none_that_is_trusted(memory: SyncMemory, later: Record | None) -> None:
    """Poison stays what it is: reported as contested, whether it was put or said."""
    memory.put([fact("Paris"), later or Record(text="I live in Hell.", role="user", trust=0.2)], scope=ADA)
    if later is None:
        memory.put([Record(text="Ada: I live in Hell.", session="s", trust=0.2, valid_from=MAY + DAY)], scope=ADA)
    contested = [action for action in memory.consolidate(scope=ADA).actions if action.kind == "contested"]
    assert len(contested) == 1
    assert "Ada lives in Paris" in facts(memory)


def test_of_values_said_in_one_go_a_doubtful_one_ends_none_that_is_trusted(memory: SyncMemory) -> None:
    """Nor does it lower a value's trust by saying it again."""
    said = ((1.0, "Paris"), (0.1, "Hell"), (0.1, "Paris"))
    memory.put(
        [
            Record(text=f"Ada: I live in {town}.", session="s", trust=trust, valid_from=MAY + n * DAY)
            for n, (trust, town) in enumerate(said)
        ],
        scope=ADA,
    )
    assert [action.kind for action in memory.consolidate(scope=ADA).actions].count("contested") == 1
    assert facts(memory) == ["Ada lives in Paris"]
    (paris,) = memory.query(Filter(types=("semantic",)), scope=ADA).records
    assert paris.trust == 1.0


def test_users_of_a_tenant_are_tidied_each_for_themselves(memory: SyncMemory) -> None:
    """The same key is another fact for another user, and what is found out belongs to who said it."""
    bob = Scope(tenant=ADA.tenant, user="bob")
    for scope, town in ((ADA, "Rome"), (bob, "Oslo")):
        like = Record(type="semantic", text=f"likes {town}", subject="user", predicate="likes")
        memory.put([like, Record(text=f"Kim: I live in {town}.", session="s")], scope=scope)
    memory.consolidate(scope=Scope(tenant=ADA.tenant))
    for scope, town in ((ADA, "Rome"), (bob, "Oslo")):
        found = memory.query(Filter(types=("semantic",)), scope=scope).records
        assert sorted(record.text for record in found) == [f"Kim lives in {town}", f"likes {town}"]


def test_a_value_with_a_successor_that_begins_later_ends_by_itself(memory: SyncMemory) -> None:
    """It stands in no conflict with what is said in the meantime; on its day the successor follows both."""
    now = MAY + 10 * DAY
    (paris,) = memory.put([fact("Paris")], scope=ADA)
    memory.supersede(paris, fact("Rome", now + 5 * DAY), scope=ADA)
    memory.put([Record(text="Ada: I live in Bern.", session="s", valid_from=MAY + DAY)], scope=ADA)
    for _ in range(2):
        memory.consolidate(scope=ADA)
        assert facts(memory) == ["Ada lives in Bern", "Ada lives in Paris"]
    memory.put([fact("Oslo", MAY + 2 * DAY)], scope=ADA)
    memory.consolidate(scope=ADA)
    assert facts(memory) == ["Ada lives in Oslo", "Ada lives in Paris"]
    found = memory.query(Filter(types=("semantic",)), scope=ADA, as_of=now + 6 * DAY).records
    assert sorted(record.text for record in found) == ["Ada lives in Oslo", "Ada lives in Rome"]


def test_a_value_that_an_earlier_one_will_follow_replaces_it_not(memory: SyncMemory) -> None:
    """That would be a circle; until its day both hold."""
    rome, oslo = memory.put([fact("Rome"), fact("Oslo", MAY + DAY)], scope=ADA)
    memory.supersede_by(oslo, rome, at=MAY + 20 * DAY, scope=ADA)
    assert memory.consolidate(scope=ADA).actions == ()


def test_near_duplicates_are_retracted(memory: SyncMemory) -> None:
    """The one that is trusted most stays; other numbers are other facts."""
    memory.put(
        [
            Record(type="semantic", text="The office opens at 9 in the morning", trust=0.6),
            Record(type="semantic", text="The office opens at 9 in the morning!"),
            Record(type="semantic", text="The office opens at 8 in the morning"),
            Record(type="procedural", text="The office opens at 9 in the morning"),
        ],
        scope=ADA,
    )
    (action,) = memory.consolidate(scope=ADA).actions
    assert action.kind == "duplicate"
    assert facts(memory) == ["The office opens at 8 in the morning", "The office opens at 9 in the morning!"]


def test_working_memory_fades(memory: SyncMemory) -> None:
    """By its half-life, measured by the clock that is given; what is pinned does not."""
    memory.put([Record(type="working", text="tea"), Record(type="working", text="milk", pinned=True)], scope=ADA)
    assert memory.consolidate(scope=ADA).actions == ()
    (action,) = memory.consolidate(scope=ADA, now=MAY + 20 * DAY).actions
    assert (action.kind, action.reason) == ("fade", "faded after 10 days")
    assert [record.text for record in memory.query(scope=ADA).records] == ["milk"]


def test_a_half_life_of_nothing_is_refused() -> None:
    """It would forget everything at once."""
    with pytest.raises(LevError, match="longer than nothing"):
        Policy(half_lives={"working": timedelta(0)})
