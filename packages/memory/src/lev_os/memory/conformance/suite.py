"""What holds of every backend. Override the fixture `memory_url` to run it inside another suite."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from lev_os.core import InvalidInput
from lev_os.memory import Conflict, Filter, MemoryManager, NotRemembered, Record, Scope, Unsupported
from lev_os.memory.sync import SyncMemory

from .scopes import fuzz_scopes

DAY = timedelta(days=1)
MAY = datetime(2023, 5, 7, 12, tzinfo=UTC)
HOSTILE = (
    "", " ", "\u0000", "'; DROP TABLE record; --", '" OR 1=1 NEAR(', "\u202eevil\u200b", "e\u0301é", "\U0001f468\u200d",
    "茶" * 50, "---\nid: x\n---\n# Not\r\nfrontmatter", "<|endoftext|>", "../../etc/passwd", "\ufeffbom", "\u2028line",
)  # fmt: skip
TENANTS = ("../../x", "a/b", "'; DROP TABLE space; --", "ns:a OR b", "%", "*", "a\u0000b", "Ä", "A\u0308")


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time that the memory under test sees."""
    return Clock()


@pytest.fixture
def memory(memory_url: str, clock: Clock) -> Iterator[SyncMemory]:
    """The memory under test."""
    with MemoryManager.open_sync(memory_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def scope() -> Scope:
    """A tenant that no other test has."""
    return Scope(tenant=f"tenant-{uuid.uuid4()}", user="ada")


def texts(memory: SyncMemory, scope: Scope, question: str = "tea", **options: object) -> list[str]:
    """The texts found for a question."""
    return [hit.record.text for hit in memory.search(question, scope=scope, **options)]  # type: ignore[arg-type]


def erased(memory: SyncMemory, which: str | Filter, scope: Scope) -> list[str]:
    """What was erased; nothing when the memory refuses because it cannot."""
    if "erase" in memory.capabilities:
        return memory.erase(which, scope=scope)
    with pytest.raises(Unsupported, match="erase"):
        memory.erase(which, scope=scope)
    return []


def test_what_is_put_comes_back_as_it_was(memory: SyncMemory, scope: Scope) -> None:
    """Every field of the content survives."""
    given = Record(
        type="semantic",
        text="Ada takes her tea without milk.",
        data={"n": [1, 2.5, None, True, "é\u0000\U0001f600"], "deep": {"a": {"b": []}}},
        subject="Ada",
        predicate="tea",
        valid_from=MAY,
        valid_to=MAY + 400 * DAY,
        sources=("https://example.org/chat", "note 7"),
        trust=0.25,
        confidence=0.5,
        importance=0.75,
        pinned=True,
        ttl=1e9,
        role="user",
        session="s1",
        sequence=3,
    )
    (id,) = memory.put([given], scope=scope)
    found = memory.get(id, scope=scope)
    assert found is not None
    assert found.id == id
    assert (found.recorded_at, found.expired_at, found.version) == (datetime(2026, 1, 1, tzinfo=UTC), None, 1)
    for name in Record.__struct_fields__[:16]:
        assert getattr(found, name) == getattr(given, name)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_kept_whatever_it_holds(memory: SyncMemory, scope: Scope, text: str) -> None:
    """Empty texts, control characters, text that looks like a query or a file: all come back the same."""
    (id,) = memory.put([Record(text=text)], scope=scope)
    found = memory.get(id, scope=scope)
    assert found is not None
    assert found.text == text
    memory.search(text, scope=scope)


def test_putting_twice_keeps_one(memory: SyncMemory, scope: Scope) -> None:
    """The same content has the same id, in one call or in several; any other field makes it another record."""
    tea = Record(text="tea", data={"a": 1, "b": 2})
    again = Record(text="tea", data={"b": 2, "a": 1})
    first, second = memory.put([tea, again], scope=scope)
    assert first == second == memory.put([tea], scope=scope)[0]
    assert memory.put([Record(text="tea", importance=0.9, data={"a": 1, "b": 2})], scope=scope) != [first]
    assert memory.stats(scope=scope).records == 2


def test_a_scope_shows_what_was_put_into_it_and_nothing_else(memory: SyncMemory) -> None:
    """Fields that a scope sets must be the record's; fields that it leaves out may be anything. Ids do not help."""
    tenant = f"t-{uuid.uuid4()}"
    users = {user: Scope(tenant=tenant, user=user) for user in ("ada", "bob")}
    ids = {user: memory.put([Record(text=f"tea of {user}")], scope=users[user])[0] for user in users}
    memory.put([Record(text="tea of everybody")], scope=Scope(tenant=tenant))
    other = Scope(tenant=tenant + "x")

    assert texts(memory, users["ada"]) == ["tea of ada"]
    assert sorted(texts(memory, Scope(tenant=tenant))) == ["tea of ada", "tea of bob", "tea of everybody"]
    assert texts(memory, Scope(tenant=tenant, user="ada", project="p")) == []
    for stranger in (users["bob"], other):
        assert memory.get(ids["ada"], scope=stranger) is None
        assert memory.history(ids["ada"], scope=stranger) == []
        assert erased(memory, ids["ada"], stranger) == []
        with pytest.raises(NotRemembered):
            memory.retract(ids["ada"], scope=stranger)
        with pytest.raises(NotRemembered):
            memory.supersede(ids["ada"], Record(text="coffee"), scope=stranger)
    assert texts(memory, users["ada"]) == ["tea of ada"]


def test_whose_records_are_is_told_at_once_and_to_nobody_else(memory: SyncMemory) -> None:
    """Each id of the scope gets the scope it was put into, retracted or not; others get none."""
    tenant = f"t-{uuid.uuid4()}"
    whole, ada = Scope(tenant=tenant), Scope(tenant=tenant, user="ada")
    desk = Scope(tenant=tenant, user="bob", agent="desk", project="p", session="s1")
    put = {scope: memory.put([Record(text=f"tea {n}") for n in range(3)], scope=scope) for scope in (whole, ada, desk)}
    ids = [id for some in put.values() for id in some]
    memory.retract(put[ada][0], scope=ada)
    expected = {id: scope for scope, some in put.items() for id in some}
    assert memory.scopes([*ids, *ids, "nobody's", "\u0000", ""], scope=whole) == expected
    assert memory.scopes(ids, scope=ada) == dict.fromkeys(put[ada], ada)
    assert memory.scopes(ids, scope=Scope(tenant=tenant, session="s1")) == dict.fromkeys(put[desk], desk)
    for stranger in (Scope(tenant=tenant, user="eve"), Scope(tenant=tenant + "x")):
        assert memory.scopes(ids, scope=stranger) == {}
    assert memory.scopes([], scope=whole) == {}
    if "erase" in memory.capabilities:
        memory.erase(ids[0], scope=whole)
        assert memory.scopes(ids[:2], scope=whole) == {ids[1]: whole}


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_tenant_is_a_name_and_never_anything_else(memory: SyncMemory, tenant: str) -> None:
    """A tenant that looks like a path, a query or SQL is a tenant like any other; lookalikes are others."""
    unique = f"{uuid.uuid4()}"
    mine, near = Scope(tenant=tenant + unique), Scope(tenant=tenant + unique + " ")
    memory.put([Record(text="tea")], scope=mine)
    assert texts(memory, mine) == ["tea"]
    assert texts(memory, near) == []


def test_a_session_of_the_scope_is_the_records_session(memory: SyncMemory, scope: Scope) -> None:
    """A record put into a session has it, and is seen from the scope around it too."""
    session = Scope(tenant=scope.tenant, user="ada", session="s1")
    memory.put([Record(text="tea in s1")], scope=session)
    memory.put([Record(text="tea in s2", session="s2")], scope=scope)
    assert texts(memory, session) == ["tea in s1"]
    assert sorted(texts(memory, scope)) == ["tea in s1", "tea in s2"]


def test_superseding_keeps_the_old_for_its_time(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """The new fact is current; the old one answers for the time before, and history says how it came."""
    (old,) = memory.put([Record(type="semantic", text="Ada drinks tea", valid_from=MAY)], scope=scope)
    clock.now += DAY
    moved = MAY + 30 * DAY
    new = memory.supersede(
        old, Record(type="semantic", text="Ada drinks coffee", valid_from=moved), scope=scope, reason="told"
    )

    assert texts(memory, scope, "Ada drinks") == ["Ada drinks coffee"]
    assert texts(memory, scope, "Ada drinks", as_of=MAY + DAY) == ["Ada drinks tea"]
    assert texts(memory, scope, "Ada drinks", as_of=moved) == ["Ada drinks coffee"]
    assert texts(memory, scope, "Ada drinks", known_at=clock.now - DAY) == ["Ada drinks tea"]
    found = memory.get(old, scope=scope)
    assert found is not None
    assert (found.superseded_by, found.valid_to, found.version) == (new, moved, 2)
    assert [(change.op, change.by, change.reason) for change in memory.history(old, scope=scope)] == [
        ("put", None, None),
        ("supersede", new, "told"),
    ]
    with pytest.raises(Conflict):
        memory.supersede(old, Record(text="Ada drinks water"), scope=scope)


def test_records_do_not_supersede_each_other_in_a_circle(memory: SyncMemory, scope: Scope) -> None:
    """None of them would be current: it is refused over several steps too, until one is restored."""
    names = [Record(type="semantic", text=f"Ada drinks {what}") for what in ("tea", "milk", "water")]
    tea, milk, water = memory.put(names, scope=scope)
    memory.supersede_by(tea, milk, scope=scope)
    memory.supersede_by(milk, water, scope=scope)
    for last in (milk, tea):
        with pytest.raises(Conflict, match="superseded"):
            memory.supersede_by(water, last, scope=scope)
    assert texts(memory, scope, "Ada drinks") == ["Ada drinks water"]
    if "restore" in memory.capabilities:
        memory.restore(tea, scope=scope)
        memory.supersede_by(water, tea, scope=scope)
        assert texts(memory, scope, "Ada drinks") == ["Ada drinks tea"]


def test_what_is_not_yet_true_is_not_found(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """What begins later is there, and found from then on or when asked about then; a plan is found at once."""
    later = clock.now + 9 * DAY
    fact = Record(type="semantic", text="Ada drinks coffee", valid_from=later)
    plan = Record(type="prospective", text="Ada drinks with Bob", valid_from=later)
    over = Record(type="prospective", text="Ada drinks alone", valid_from=clock.now - 2 * DAY, valid_to=clock.now)
    ids = memory.put([fact, plan, over], scope=scope)
    begins = later - timedelta(microseconds=1)
    for as_of, known_at, expected in (
        (None, None, [plan]),
        (clock.now, None, [plan]),
        (None, clock.now, [plan]),
        (begins, None, [plan]),
        (later, None, [fact, plan]),
        (clock.now - DAY, None, [over]),
        (clock.now - 9 * DAY, None, []),
        (later, clock.now - DAY, []),
    ):
        wanted = sorted(record.text for record in expected)
        assert sorted(texts(memory, scope, "Ada drinks", as_of=as_of, known_at=known_at)) == wanted, (as_of, known_at)
        page = memory.query(scope=scope, as_of=as_of, known_at=known_at)
        assert sorted(record.text for record in page.records) == wanted, (as_of, known_at)
    assert memory.get(ids[0], scope=scope) is not None
    assert sorted(texts(memory, scope, "Ada drinks", where=Filter(retired=True))) == sorted(
        record.text for record in (fact, plan, over)
    )
    assert memory.stats(scope=scope).current == 1
    clock.now = later
    assert sorted(texts(memory, scope, "Ada drinks")) == [fact.text, plan.text]
    assert memory.stats(scope=scope).current == 2


def test_a_clock_that_lags_hides_nothing(memory_url: str, scope: Scope, clock: Clock) -> None:
    """What another process, whose clock is ahead, recorded as true at its time is true here too."""
    with MemoryManager.open_sync(memory_url, clock=clock) as memory:
        memory.put([Record(text="tea", valid_from=clock.now)], scope=scope)
        if "durable" not in memory.capabilities:
            return
    clock.now -= DAY
    with MemoryManager.open_sync(memory_url, clock=clock) as memory:
        assert memory.stats(scope=scope).current == 1
        assert texts(memory, scope) == ["tea"]
    with MemoryManager.open_sync(memory_url, clock=clock) as memory:
        assert [record.text for record in memory.query(scope=scope).records] == ["tea"]


def test_a_new_value_that_begins_later_waits(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """Until its day the superseded value is the current one, and the only one."""
    (paris,) = memory.put([Record(type="semantic", text="Ada lives in Paris")], scope=scope)
    moves = clock.now + 30 * DAY
    memory.supersede(paris, Record(type="semantic", text="Ada lives in Rome", valid_from=moves), scope=scope)
    for now, expected in ((clock.now, "Ada lives in Paris"), (moves, "Ada lives in Rome")):
        clock.now = now
        assert texts(memory, scope, "Ada lives") == [expected]
        assert [record.text for record in memory.query(scope=scope).records] == [expected]


def test_retracting_can_be_undone(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """What is retracted is not found, but is there; what was known before remains answerable."""
    (id,) = memory.put([Record(text="tea")], scope=scope)
    before = clock.now
    clock.now += DAY
    memory.retract(id, scope=scope, reason="a mistake")
    memory.retract(id, scope=scope)
    assert texts(memory, scope) == []
    assert texts(memory, scope, known_at=before) == ["tea"]
    found = memory.get(id, scope=scope)
    assert found is not None
    assert found.expired_at == clock.now
    assert [record.id for record in memory.query(Filter(retired=True), scope=scope).records] == [id]
    clock.now += DAY
    memory.restore(id, scope=scope)
    assert texts(memory, scope) == ["tea"]
    assert texts(memory, scope, known_at=clock.now - DAY) == []
    assert [change.op for change in memory.history(id, scope=scope)] == ["put", "retract", "restore"]


def test_what_was_retracted_and_is_said_again_is_new(memory: SyncMemory, scope: Scope) -> None:
    """Nothing that is put is silently lost."""
    (first,) = memory.put([Record(text="tea")], scope=scope)
    memory.retract(first, scope=scope)
    (second,) = memory.put([Record(text="tea")], scope=scope)
    assert second != first
    assert texts(memory, scope) == ["tea"]
    memory.restore(first, scope=scope)
    assert memory.put([Record(text="tea")], scope=scope) == [second]


def test_erasing_leaves_a_tombstone(memory: SyncMemory, scope: Scope) -> None:
    """Nothing of the record is answered any more but that it was erased; it may be said again."""
    one, two = memory.put([Record(text="tea secret"), Record(text="coffee")], scope=scope)
    memory.retract(one, scope=scope, reason="secret reason")
    if "erase" not in memory.capabilities:
        erased(memory, one, scope)
        assert memory.get(one, scope=scope) is not None
        return
    assert memory.erase(one, scope=scope) == [one]
    assert memory.erase(one, scope=scope) == []
    assert memory.get(one, scope=scope) is None
    (tombstone,) = memory.history(one, scope=scope)
    assert (tombstone.op, tombstone.record, tombstone.reason) == ("erase", None, None)
    assert texts(memory, scope, "tea secret", where=Filter(retired=True)) == ["coffee"]
    assert memory.put([Record(text="tea secret")], scope=scope) != [one]
    assert memory.erase(Filter(), scope=scope)[0] == two
    assert memory.stats(scope=scope).records == 0


def test_erasing_takes_what_was_derived_along(memory: SyncMemory, scope: Scope) -> None:
    """Facts of an erased episode go, over several steps and beyond its session; other sources are read again."""
    said = [
        Record(text="Ada: I live in Quito.", session="s1"),
        Record(text="Ada: I live in Quito!", session="s2"),
        Record(text="Ada: I work at a bank.", session="s2"),
    ]
    quito, again, bank = memory.put(said, scope=scope)
    memory.consolidate(scope=scope)
    (lives,) = memory.query(Filter(predicate="lives in"), scope=scope).records
    assert lives.sources == (quito, again)
    (note,) = memory.put([Record(text="a letter to Quito", sources=(lives.id, "elsewhere"))], scope=scope)
    tenant = Scope(tenant=scope.tenant)
    (other,) = memory.put([Record(text="Bob's note", sources=(quito,))], scope=Scope(tenant=scope.tenant, user="bob"))
    if "erase" not in memory.capabilities:
        erased(memory, quito, scope)
        return
    gone = memory.erase(quito, scope=Scope(tenant=scope.tenant, user="ada", session="s1"))
    assert (gone, gone.derived) == ([quito, lives.id, note], (lives.id, note))
    left = memory.query(Filter(retired=True), scope=tenant).records
    assert {again, bank, other} < {record.id for record in left}
    assert not any("lives in Quito" in record.text or "letter" in record.text for record in left)
    assert [change.op for change in memory.history(note, scope=scope)] == ["erase"]
    memory.consolidate(scope=scope)
    (lives,) = memory.query(Filter(predicate="lives in"), scope=scope).records
    assert (lives.text, lives.sources) == ("Ada lives in Quito", (again,))


def test_a_ttl_ends_a_record(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """After its seconds a record is not found; said again, it lives again."""
    (first,) = memory.put([Record(type="working", text="tea", ttl=60)], scope=scope)
    clock.now += timedelta(seconds=59)
    assert texts(memory, scope) == ["tea"]
    clock.now += timedelta(seconds=2)
    assert texts(memory, scope) == []
    assert memory.query(scope=scope).records == ()
    (second,) = memory.put([Record(type="working", text="tea", ttl=60)], scope=scope)
    assert second != first
    assert texts(memory, scope) == ["tea"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(types=("semantic",)), ["tea b"]),
        (Filter(session="s1"), ["tea a"]),
        (Filter(subject="Ada", predicate="drinks"), ["tea b"]),
        (Filter(pinned=True), ["tea c"]),
        (Filter(role="assistant"), ["tea a"]),
        (Filter(min_trust=0.5), ["tea a", "tea b"]),
        (Filter(since=MAY, until=MAY + DAY), ["tea a"]),
    ],
    ids=["types", "session", "fact", "pinned", "role", "trust", "time"],
)
def test_a_filter_is_a_gate(memory: SyncMemory, scope: Scope, where: Filter, expected: list[str]) -> None:
    """Search and query let the same records through."""
    memory.put(
        [
            Record(text="tea a", session="s1", role="assistant", valid_from=MAY),
            Record(text="tea b", type="semantic", subject="Ada", predicate="drinks"),
            Record(text="tea c", type="procedural", pinned=True, trust=0.2),
        ],
        scope=scope,
    )
    assert sorted(texts(memory, scope, where=where)) == expected
    assert [record.text for record in memory.query(where, scope=scope).records] == expected


def test_trust_is_no_higher_than_that_of_the_sources(memory: SyncMemory, scope: Scope) -> None:
    """What is derived from a doubtful record is as doubtful, over several steps."""
    (web,) = memory.put([Record(text="a web page", trust=0.2)], scope=scope)
    (note,) = memory.put([Record(text="a note on it", sources=(web,))], scope=scope)
    (fact,) = memory.put([Record(text="a fact from the note", sources=(note, "elsewhere"))], scope=scope)
    found = memory.get(fact, scope=scope)
    assert found is not None
    assert found.trust == 0.2


def test_pages_lead_through_everything_once(memory: SyncMemory, scope: Scope) -> None:
    """Following the cursors of `query` and `changes` shows each record once, in order."""
    memory.put([Record(text=f"tea {i}") for i in range(25)], scope=scope)
    seen: list[str] = []
    cursor = None
    while True:
        page = memory.query(scope=scope, cursor=cursor, limit=10)
        seen += [record.text for record in page.records]
        if (cursor := page.cursor) is None:
            break
    assert seen == [f"tea {i}" for i in range(25)]
    first = memory.changes(scope=scope, limit=20)
    rest = memory.changes(first[-1].cursor, scope=scope)
    assert [change.record.text for change in (*first, *rest) if change.record] == seen


def test_time_does_not_go_backwards_in_the_log(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """A clock that was set back is raised to the last change's."""
    memory.put([Record(text="tea")], scope=scope)
    clock.now -= 365 * DAY
    (late,) = memory.put([Record(text="coffee")], scope=scope)
    at = [change.at for change in memory.changes(scope=scope)]
    assert at == sorted(at)
    found = memory.get(late, scope=scope)
    assert found is not None
    assert found.recorded_at == at[0]


def test_a_clock_that_is_set_back_confuses_nothing(memory_url: str, scope: Scope, clock: Clock) -> None:
    """Whatever is done while it runs backwards, and after a restart: what was said last is what holds."""
    drinks = {"type": "semantic", "subject": "Ada", "predicate": "drinks"}
    for durable in (False, True):
        where = Scope(tenant=f"{scope.tenant}-{durable}")
        with MemoryManager.open_sync(memory_url, clock=clock) as memory:
            first, gone = memory.put([Record(text="tea", **drinks), Record(text="tea with milk")], scope=where)  # type: ignore[arg-type]
            if not durable:
                _set_back(memory, where, clock, first, gone)
        if durable and "durable" in memory.capabilities:
            clock.now -= 3 * DAY
            with MemoryManager.open_sync(memory_url, clock=clock) as memory:
                _set_back(memory, where, clock, first, gone)


def _set_back(memory: SyncMemory, scope: Scope, clock: Clock, first: str, gone: str) -> None:
    clock.now -= DAY
    second = memory.supersede(first, Record(type="semantic", text="tea, green", subject="Ada"), scope=scope)
    assert sorted(texts(memory, scope)) == ["tea with milk", "tea, green"]
    clock.now -= DAY
    memory.retract(gone, scope=scope)
    assert [record.id for record in memory.query(scope=scope).records] == [second]
    clock.now -= DAY
    if "restore" in memory.capabilities:
        memory.restore(gone, scope=scope)
        memory.retract(gone, scope=scope)
    (short,) = memory.put([Record(text="tea soon gone", ttl=60)], scope=scope)
    clock.now -= DAY
    assert sorted(texts(memory, scope)) == ["tea soon gone", "tea, green"]
    memory.consolidate(scope=scope)
    for id in (first, second, gone, short):
        at = [change.at for change in memory.history(id, scope=scope)]
        assert at == sorted(at)
    if "erase" in memory.capabilities:
        memory.erase(second, scope=scope)
        assert texts(memory, scope) == ["tea soon gone"]


@pytest.mark.parametrize("seed", range(3))
def test_search_query_and_get_see_the_same(memory: SyncMemory, scope: Scope, clock: Clock, seed: int) -> None:
    """After any changes, at any pair of times: three ways to ask show the same records in the same state."""
    rng = random.Random(seed)
    ids: list[str] = []
    times = [clock.now]
    for step in range(60):
        clock.now += timedelta(hours=rng.randrange(1, 30))
        times.append(clock.now)
        start = clock.now + timedelta(days=rng.randrange(-9, 9))
        end = start + timedelta(days=rng.randrange(1, 20)) if rng.random() < 0.3 else None
        ttl = rng.choice([None, None, None, 100_000.0])
        record = Record(
            type=rng.choice(["episodic", "prospective"]),
            text=f"tea {step}",
            valid_from=start if step % 2 else None,
            valid_to=end if step % 2 else None,
            ttl=ttl,
        )
        if len(ids) < 8 or rng.random() < 0.3:
            ids += memory.put([record], scope=scope)
            continue
        id = rng.choice(ids)
        match rng.randrange(4):
            case 0:
                memory.retract(id, scope=scope)
            case 1:
                memory.restore(id, scope=scope)
            case 2 if rng.random() < 0.3:
                if erased(memory, id, scope):
                    ids.remove(id)
            case _:
                with contextlib.suppress(Conflict):
                    ids.append(memory.supersede(id, record, scope=scope))
    for _ in range(30):
        as_of, known_at = (rng.choice([None, *times]) for _ in range(2))
        page = memory.query(scope=scope, limit=1_000, as_of=as_of, known_at=known_at)
        queried = {record.id: record for record in page.records}
        hits = memory.search("tea", scope=scope, k=1_000, as_of=as_of, known_at=known_at)
        assert {hit.record.id: hit.record for hit in hits} == queried
        ever = memory.query(Filter(retired=True), scope=scope, limit=1_000, known_at=known_at).records
        hits = memory.search("tea", scope=scope, k=1_000, where=Filter(retired=True), known_at=known_at)
        assert {hit.record.id: hit.record for hit in hits} == {record.id: record for record in ever}
        if as_of is known_at is None:
            assert memory.stats(scope=scope).current == len(queried)
        else:
            got = {id: memory.get(id, scope=scope, as_of=as_of, known_at=known_at) for id in ids}
            assert {id: record for id, record in got.items() if record is not None} == queried


def test_no_record_crosses_between_scopes(memory: SyncMemory, scope: Scope, operations: int) -> None:
    """Random operations by fifty tenants: no answer ever holds, names or counts a record of another one."""
    fuzz_scopes(memory, scope.tenant, operations)


def test_search_finds_words_and_says_why(memory: SyncMemory, scope: Scope) -> None:
    """The best record comes first; the parts of its score add up to it."""
    memory.put(
        [Record(text="The opera was long."), Record(text="We talked about gardening."), Record(text="Hello!")],
        scope=scope,
    )
    hits = memory.search("When did we talk about the garden?", scope=scope, k=2, explain=True)
    assert hits[0].record.text == "We talked about gardening."
    assert len(hits) == 2
    assert hits[0].score >= hits[1].score
    for hit in hits:
        parts = sum(value for name, value in hit.parts.items() if not name.startswith("raw_"))
        assert parts == pytest.approx(hit.score, abs=1e-5)


def test_many_tasks_share_a_memory(memory_url: str, scope: Scope) -> None:
    """Tasks of one loop put, search and supersede at once; nothing is lost, and a race has one winner."""

    async def main() -> None:
        async with MemoryManager.open(memory_url) as memory:
            ids = await asyncio.gather(*(memory.put([Record(text=f"tea {i}")], scope=scope) for i in range(30)))
            found = await asyncio.gather(*(memory.search(f"tea {i}", scope=scope, k=1) for i in range(30)))
            assert [hits[0].record.id for hits in found] == [id for (id,) in ids]
            (first,) = ids[0]
            tried = [memory.supersede(first, Record(text=f"coffee {i}"), scope=scope) for i in range(5)]
            outcomes = await asyncio.gather(*tried, return_exceptions=True)
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
            assert len(await memory.search("coffee", scope=scope, k=50)) == 30

    asyncio.run(main())


def test_what_was_put_is_there_after_reopening(memory_url: str, scope: Scope) -> None:
    """Everything acknowledged survives the memory's end, its index included."""
    with MemoryManager.open_sync(memory_url) as memory:
        if "durable" not in memory.capabilities:
            return
        (id,) = memory.put([Record(text="tea with lemon", session="s", sequence=1)], scope=scope)
        history = memory.history(id, scope=scope)
    with MemoryManager.open_sync(memory_url) as memory:
        assert memory.history(id, scope=scope) == history
        assert texts(memory, scope, "lemon") == ["tea with lemon"]
        memory.put([Record(text="tea with milk", session="s", sequence=2)], scope=scope)
        assert sorted(texts(memory, scope)) == ["tea with lemon", "tea with milk"]


def test_an_export_is_taken_in_with_its_history(memory: SyncMemory, scope: Scope, clock: Clock) -> None:
    """Ids, times, changes and tombstones arrive in another tenant as they were; taken in again, nothing happens."""
    old, doubtful, sugar = memory.put(
        [Record(text=text, session="s", sequence=i) for i, text in enumerate(("tea", "milk", "secret sugar"))],
        scope=scope,
    )
    clock.now += DAY
    memory.supersede(old, Record(text="coffee", subject="Ada"), scope=scope, reason="told")
    memory.retract(doubtful, scope=scope)
    memory.restore(doubtful, scope=scope)
    gone = erased(memory, sugar, scope)
    lines = list(memory.export(scope=scope))
    assert ("secret" in "".join(lines)) is not bool(gone)

    target = Scope(tenant=f"{scope.tenant}-copy")
    assert memory.import_(lines, scope=target) == len(lines) - 1
    assert memory.import_(lines, scope=target) == 0
    assert list(memory.export(scope=target)) == [line.replace(scope.tenant, target.tenant) for line in lines]
    everything = Filter(retired=True)
    assert memory.query(everything, scope=target).records == memory.query(everything, scope=scope).records
    assert texts(memory, target, "tea", as_of=clock.now - DAY) == texts(memory, scope, "tea", as_of=clock.now - DAY)
    clock.now += DAY
    if erased(memory, old, scope):
        memory.import_(memory.export(scope=scope), scope=target)
        assert memory.get(old, scope=target) is None


def test_lines_that_are_no_export_are_refused(memory: SyncMemory, scope: Scope) -> None:
    """The place and the reason are named, and what stands before is kept."""
    memory.put([Record(text="tea")], scope=scope)
    lines = list(memory.export(scope=scope))
    for wrong, place in (
        (["{}"], "x.jsonl:1:1"),
        (['{"lev_memory": 99}'], "x.jsonl:1:1"),
        ([lines[0], lines[1], '{"op": "pu'], "x.jsonl:3:1"),
        ([lines[0], lines[1].replace('"put"', '"burn"')], "x.jsonl:2:1"),
        ([lines[0], lines[1].replace('"record"', '"else"')], "x.jsonl:2:1"),
        ([lines[0], lines[1].replace("tea", "\udcff")], "x.jsonl:2:1"),
    ):
        with pytest.raises(InvalidInput) as caught:
            memory.import_(wrong, scope=Scope(tenant=scope.tenant + "2"), path="x.jsonl")
        assert str(caught.value).startswith(place)
