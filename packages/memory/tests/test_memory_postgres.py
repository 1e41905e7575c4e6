"""What is PostgreSQL's own: who sees what in the tables, roles, the same ranking as SQLite, erasure, outages."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from lev_os.core.errors import LevError
from lev_os.memory import Filter, MemoryManager, Record, Scope, StoreProblem
from lev_os.memory.backends.postgres import rows, schema, server, source
from lev_os.memory.backends.sqlite import vectors
from lev_os.memory.sync import SyncMemory

from .conftest import postgres_server

pytestmark = pytest.mark.slow


@pytest.fixture
def ada() -> Scope:
    """A scope that no other test has."""
    return Scope(tenant=f"acme-{uuid.uuid4()}", user="ada")


@pytest.fixture
def database(postgres: Any) -> str:
    """The URL of a new, empty database, for its superuser."""
    name = f"db_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return str(postgres.get_uri(database=name))


def test_the_server_shows_nobody_elses_rows_even_when_we_ask_for_all(postgres_url: str, ada: Scope) -> None:
    """Without a tenant a statement sees nothing; with one, without any test of ours, the tenant's rows alone."""
    bob = Scope(tenant=ada.tenant + "-bob")
    with MemoryManager.open_sync(postgres_url) as memory:
        for scope in (ada, bob):
            memory.put([Record(text=f"tea of {scope.tenant}")], scope=scope)
    tables = ("record", "log", "posting", "embedding", "space", "tenant")
    with psycopg.connect(postgres_url) as db:
        db.execute(f"SET ROLE {schema.NAME}".encode())
        db.execute(f"SET search_path = {schema.NAME}, public".encode())
        for table in tables:
            assert db.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)
        db.rollback()
        for scope in (ada, bob):
            tenant = str(rows.tenant_of(scope))
            db.execute(f"SET LOCAL ROLE {schema.NAME}; SET LOCAL search_path = {schema.NAME}, public".encode())
            db.execute("SELECT set_config('lev_memory.tenant', %s, true)", (tenant,))
            seen = [bytes(content).decode() for (content,) in db.execute("SELECT content FROM record").fetchall()]
            assert len(seen) == 1
            assert scope.tenant in seen[0]
            with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                db.execute("INSERT INTO tenant VALUES (gen_random_uuid(), 'somebody else')")
            changed = db.execute("UPDATE record SET trust = 0 WHERE tenant != %s", (tenant,)).rowcount
            assert changed == 0
            db.rollback()


def test_a_superuser_takes_a_role_that_is_bound(postgres_url: str, ada: Scope) -> None:
    """The schema belongs to a role that row-level security binds, and every table forces it upon its owner."""
    with MemoryManager.open_sync(postgres_url, embedder=None) as memory:
        memory.put([Record(text="tea")], scope=ada)
    with psycopg.connect(postgres_url) as db:
        owner = db.execute(
            "SELECT r.rolsuper, r.rolbypassrls, r.rolcanlogin FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner"
            " WHERE n.nspname = 'lev_memory'"
        ).fetchone()
        assert owner == (False, False, False)
        loose = db.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'lev_memory'::regnamespace AND relkind = 'r'"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()
        assert loose == [("meta",)]


def test_an_ordinary_role_keeps_its_own_memory(postgres: Any, database: str, ada: Scope) -> None:
    """It needs an owner to turn pgvector on, and nothing else; what is missing is said with the statement for it."""
    role = f"app_{uuid.uuid4().hex[:8]}"
    name = database.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(f"CREATE ROLE {role} LOGIN".encode())
    address = database.replace("postgres:", f"{role}:")
    assert role in address

    def opened() -> contextlib.AbstractContextManager[Any]:
        return MemoryManager.open_sync(address, embedder=None)

    with pytest.raises(StoreProblem, match="CREATE EXTENSION"), opened():
        pass
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("CREATE EXTENSION vector")
    with pytest.raises(StoreProblem, match="GRANT CREATE ON DATABASE"), opened():
        pass
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(f"GRANT CREATE ON DATABASE {name} TO {role}".encode())
    with opened() as memory:
        memory.put([Record(text="tea")], scope=ada)
        assert [hit.record.text for hit in memory.search("tea", scope=ada)] == ["tea"]
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(f"ALTER ROLE {role} BYPASSRLS".encode())
    with pytest.raises(StoreProblem, match="row-level security does not bind"), opened():
        pass


def test_a_memory_of_a_newer_version_is_left_alone(database: str, ada: Scope) -> None:
    """With what to do about it; the migrations of this version are made once."""
    for _ in range(2):
        with MemoryManager.open_sync(database, embedder=None) as memory:
            memory.put([Record(text="tea")], scope=ada)
            assert memory.stats(scope=ada).records == 1
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("UPDATE lev_memory.meta SET value = 99 WHERE name = 'version'")
    with pytest.raises(StoreProblem, match="upgrade lev-os-memory"), MemoryManager.open_sync(database, embedder=None):
        pass


@pytest.mark.parametrize(
    "address", ["postgresql://127.0.0.1:1/nothing", "postgresql://[", "postgresql:///x?nonsense=1"]
)
def test_an_address_where_nobody_answers_is_no_traceback(address: str) -> None:
    """And no password of it is shown."""
    with (
        pytest.raises(LevError) as caught,
        MemoryManager.open_sync(address.replace("//1", "//me:hush@1"), embedder=None),
    ):
        pass
    assert "hush" not in str(caught.value)


def test_it_finds_what_sqlite_finds(postgres_url: str, ada: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same log in both: the same hits in the same order with the same parts, small or large, now or then."""
    rng = random.Random(5)
    nouns = ["tea", "milk", "sugar", "opera", "garden", "train", "river", "letter", "kettle", "window"]
    names = ("Ada", "Bob")
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    clock = [begin]
    with (
        MemoryManager.open_sync("memory://", clock=lambda: clock[0]) as theirs,
        MemoryManager.open_sync(postgres_url, clock=lambda: clock[0]) as ours,
    ):
        for n in range(600):
            said = " ".join(rng.choices(nouns, k=rng.randrange(2, 9)))
            record = Record(
                text=f"{rng.choice(names)}: {said}{rng.choice('.?!')} {n}",
                session=rng.choice(["s1", "s2", None, "s\0\\3"]),
                sequence=rng.choice([None, n]),
                subject=rng.choice([None, "Ada\0", "x" * 5_000]),
                trust=rng.choice([1.0, 0.3]),
                pinned=n % 9 == 0,
                ttl=rng.choice([None, None, 90_000.0]),
            )
            clock[0] += timedelta(minutes=7)
            ids = theirs.put([record], scope=ada if n % 3 else Scope(tenant=ada.tenant, user="bob"))
            if n % 11 == 0:
                theirs.retract(ids[0], scope=Scope(tenant=ada.tenant))
            if n % 50 == 0:
                theirs.erase(ids[0], scope=Scope(tenant=ada.tenant))
        whole = Scope(tenant=ada.tenant)
        theirs.migrate(ours, scope=whole)
        theirs.settle()
        ours.settle()
        filters = (
            Filter(),
            Filter(min_trust=0.5),
            Filter(subject="Ada\0"),
            Filter(session="s\0\\3"),
            Filter(pinned=True),
        )
        for exact in (vectors.EXACT, 200):
            monkeypatch.setattr(vectors, "EXACT", exact)
            monkeypatch.setattr(source.PostgresSource, "exact", exact)
            agreed = []
            for scope in (ada, whole):
                for where in filters:
                    known = rng.choice([None, begin + timedelta(hours=30)])
                    question = f"What does Ada say of the {rng.choice(nouns)} and {rng.choice(nouns)}?"
                    found = [
                        memory.search(question, scope=scope, where=where, known_at=known, k=10)
                        for memory in (theirs, ours)
                    ]
                    mine, other = ([hit.record.id for hit in hits] for hits in found)
                    assert len(mine) == len(other)
                    agreed += [id in other for id in mine]
                    if exact == vectors.EXACT and exact > 200:
                        assert mine == other
                        for a, b in zip(*found, strict=True):
                            assert a.record == b.record
                            assert a.parts == pytest.approx(b.parts, abs=2e-3)
            assert np.mean(agreed) > 0.95


def test_erasing_leaves_no_byte_in_the_files_of_the_database(postgres: Any, database: str, ada: Scope) -> None:
    """Neither tables, indexes nor the planner's statistics hold what was erased; the write-ahead log is not ours."""
    secret = Record(text="Zanzibar quixotic", data={"code": "Xylophonic"}, subject="Wombatland", session="Nightjar")
    marks = (b"anzibar", b"quixot", b"ylophonic", b"ombatland", b"umquats", b"ightjar")
    folder = Path(postgres.pgdata)

    def held() -> bytes:
        with psycopg.connect(database, autocommit=True) as db:
            db.execute("ANALYZE")
            db.execute("CHECKPOINT")
        files = [file for file in folder.rglob("*") if file.is_file() and "pg_wal" not in file.parts]
        return b"".join(file.read_bytes() for file in files)

    with MemoryManager.open_sync(database) as memory:
        ids = memory.put([secret, Record(text="Zanzibar again", session="Nightjar")], scope=ada)
        memory.put([Record(text=f"tea {i}") for i in range(600)], scope=ada)
        memory.retract(ids[0], scope=ada, reason="Kumquats")
        before = held()
        assert all(mark in before for mark in marks)
        memory.erase(ids, scope=ada)
        after = held()
        assert [mark for mark in marks if mark in after] == []
        assert memory.stats(scope=ada).records == 600
        assert len(memory.search("tea", scope=ada, k=1_000)) == 600


def test_an_erasure_waits_for_those_who_read(database: str, ada: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who looks at an old state keeps its bytes alive: that is said, not passed over."""
    monkeypatch.setattr(server, "_PATIENCE", 0.3)
    with MemoryManager.open_sync(database, embedder=None) as memory, psycopg.connect(database) as reader:
        (id,) = memory.put([Record(text="tea")], scope=ada)
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1 FROM pg_class").fetchone()
        with pytest.raises(StoreProblem, match="read by another program"):
            memory.erase(id, scope=ada)
        assert memory.get(id, scope=ada) is None


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of its own of so many megabytes; skips where none can be mounted."""
    place = tempfile.mkdtemp(prefix="lev-disk-")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", place]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"needs to mount a small disk, as root can: {mounted.stderr.strip()}")
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)
    finally:
        Path(place).rmdir()


def fill(memory: SyncMemory, scope: Scope, rng: random.Random) -> tuple[list[str], StoreProblem]:
    """Put records that cannot be compressed until one is refused: the ids, and how it was refused."""
    ids: list[str] = []
    for _ in range(1_000):
        try:
            ids += memory.put([Record(text=f"tea {rng.randbytes(200_000).hex()}")], scope=scope)
        except StoreProblem as problem:
            return ids, problem
    raise AssertionError("the disk has room without end")


@pytest.mark.parametrize("place", ["tables", "log"])
def test_a_full_disk(ada: Scope, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tables, or of the server's own log: refused with the way out; with room again the same memory goes on."""
    monkeypatch.setattr(server, "_PATIENCE", 3.0)
    rng = random.Random(3)
    with small_disk(12 if place == "tables" else 150) as disk, contextlib.ExitStack() as stack:
        tables = disk if place == "tables" else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(postgres_server(disk if place == "log" else None))
        shutil.chown(tables, Path(running.pgdata).stat().st_uid)
        with psycopg.connect(running.get_uri(), autocommit=True) as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{tables}'".encode())
            db.execute(b"CREATE DATABASE small TABLESPACE small")
        ballast = disk / "ballast"
        with MemoryManager.open_sync(running.get_uri(database="small"), embedder=None) as memory:
            (kept,) = memory.put([Record(text="tea")], scope=ada)
            ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 1_500_000))
            ids, problem = fill(memory, ada, rng)
            if place == "tables":
                assert problem.help == "make room on its disk; nothing was changed"
                assert problem.retryable
                assert [hit.record.id for hit in memory.search("tea", scope=ada, k=1)] == [kept]
            else:  # whether its last words were heard before it ended
                assert any(words in str(problem) for words in ("cannot be written", "does not answer"))
            ballast.unlink()
            until = time.monotonic() + 60
            while True:  # a server whose log was full has ended
                with contextlib.suppress(StoreProblem, subprocess.SubprocessError):
                    running.ensure_postgres_running()
                    (after,) = memory.put([Record(text="tea, after it")], scope=ada)
                    break
                assert time.monotonic() < until
                time.sleep(0.2)
            found = [record.id for record in memory.query(scope=ada, limit=10_000).records]
            assert found == [kept, *ids, after]
            assert {hit.record.id for hit in memory.search("tea", scope=ada, k=10_000)} == {*found}


def test_an_erasure_on_a_full_disk_says_what_is_done(ada: Scope) -> None:
    """They are erased, whatever the room; their bytes go with the next erasure, and the message says so."""
    rng = random.Random(3)
    with small_disk(16) as disk, postgres_server(None) as running:
        shutil.chown(disk, Path(running.pgdata).stat().st_uid)
        with psycopg.connect(running.get_uri(), autocommit=True) as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
            db.execute(b"CREATE DATABASE small TABLESPACE small")
        with MemoryManager.open_sync(running.get_uri(database="small"), embedder=None) as memory:
            first, second = memory.put([Record(text="tea"), Record(text="milk")], scope=ada)
            memory.put([Record(text=rng.randbytes(400_000).hex())], scope=ada)
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 200_000))
            with pytest.raises(StoreProblem, match="cannot be written anew") as raised:
                memory.erase(first, scope=ada)
            assert "they are erased" in str(raised.value.help)
            assert memory.get(first, scope=ada) is None
            ballast.unlink()
            assert memory.erase(second, scope=ada) == [second]


def test_a_database_that_goes_away_and_comes_back(ada: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away there is an error with a way out; afterwards the same memory goes on, and nothing was lost."""
    monkeypatch.setattr(server, "_PATIENCE", 1.0)
    with postgres_server() as running, MemoryManager.open_sync(running.get_uri()) as memory:
        (kept,) = memory.put([Record(text="tea")], scope=ada)
        running.stop()
        with pytest.raises(StoreProblem, match="does not answer"):
            memory.put([Record(text="coffee")], scope=ada)
        with pytest.raises(StoreProblem, match="does not answer"):
            memory.search("tea", scope=ada)
        running.ensure_postgres_running()
        memory.put([Record(text="milk")], scope=ada)
        assert memory.get(kept, scope=ada) is not None
        assert sorted(hit.record.text for hit in memory.search("tea milk", scope=ada)) == ["milk", "tea"]
