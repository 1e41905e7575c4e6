"""What may go wrong around a durable run, each with real processes: answers, names, clocks, disks, sizes, databases."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from lev_os.core.bidirectional import replay
from lev_os.core.errors import LevError
from lev_os.workflow import cancel, fork, result, resume, send, start
from lev_os.workflow.client import NotSent
from lev_os.workflow.database import NoDatabase, open_database
from lev_os.workflow.runs import RunState, dead_letters, delete, export

from .conftest import Desk, go, over

pytestmark = pytest.mark.slow


def begin(desk: Desk, flow: str, **input: object) -> str:
    """Start a run of the ledger's flow."""
    run: str = go(start(f"ledgerdesk/flows/{flow}", input, database=desk.url))
    return run


def ended(desk: Desk, run: str, seconds: float = 30, *, waiting: bool = False) -> RunState:
    """How a run stands once it has ended, or waits."""
    state: RunState = go(result(run, timeout=seconds, waiting=waiting, database=desk.url))
    return state


def test_an_answer_counts_once_whenever_it_comes(desk: Desk) -> None:
    """Before the wait it is kept, during the wait it is taken, the second is told so, after the end it is refused."""
    early = begin(desk, "ask", n=1)
    assert go(send(early, "reply", {"text": "early"}, database=desk.url))
    desk.worker()
    assert ended(desk, early).output == {"answer": "EARLY"}
    with pytest.raises(NotSent, match="is done"):
        go(send(early, "reply", {"text": "late"}, database=desk.url))

    run = begin(desk, "ask", n=2)
    state = ended(desk, run, waiting=True)
    key = state.waits[0]["key"]
    with pytest.raises(NotSent, match="does not fit"):
        go(send(run, "reply", {"text": 7}, wait=key, database=desk.url))
    answers = go(_together(send(run, "reply", {"text": text}, wait=key, database=desk.url) for text in ("a", "b")))
    assert sorted(answer is True for answer in answers) == [False, True]
    assert ended(desk, run).output in ({"answer": "A"}, {"answer": "B"})
    with pytest.raises(NotSent, match="does not wait for nothing"):
        go(send(begin(desk, "ask", n=3), "nothing", database=desk.url))


async def _together(work: object) -> list[object]:
    return await asyncio.gather(*work, return_exceptions=True)  # type: ignore[call-overload, no-any-return]


def test_a_wait_ends_by_itself_and_a_run_by_a_wish(desk: Desk) -> None:
    """The deadline of a wait holds while the run is parked; a cancelled run takes no answer and leaves a reason."""
    desk.worker()
    silent, waiting = begin(desk, "ask", n=1), begin(desk, "ask", n=3)
    assert ended(desk, silent).output == {"answer": "nobody"}
    unwanted = begin(desk, "slowly", seconds=0.4, times=[1, 2, 3, 4, 5, 6])
    desk.until(lambda states: bool(desk.ledger(unwanted)))
    assert go(cancel(unwanted, "enough", database=desk.url))
    assert not go(cancel(unwanted, "again", database=desk.url))
    state = ended(desk, unwanted)
    assert (state.status, state.reason) == ("cancelled", "enough")
    assert len(desk.ledger(unwanted)) < 6
    with pytest.raises(NotSent, match="is cancelled"):
        go(send(unwanted, "reply", {"text": "x"}, database=desk.url))
    # a run that has not been taken up yet ends before anything of it is done
    assert ended(desk, waiting).status == "done"
    for process in desk.processes:
        process.terminate()
        assert process.wait(20) == 0
    unbegun = begin(desk, "three", n=1)
    assert go(cancel(unbegun, "never mind", database=desk.url))
    desk.worker()
    assert ended(desk, unbegun).status == "cancelled"
    assert desk.ledger(unbegun) == []
    assert {state.run for state in dead_letters(desk.database)} == set()


def test_two_workers_of_one_name(desk: Desk) -> None:
    """The second is refused while the first lives, and takes the name at once when the first was killed."""
    first = desk.worker(name="same")
    with pytest.raises(AssertionError, match="ended with 2"):
        desk.worker(name="same")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert desk.worker(name="same").poll() is None


def stop_between_writes(desk: Desk, process: subprocess.Popen[str]) -> None:
    """Stop a process when it holds no lock of the SQLite file: nobody could go on beside one that does."""
    path = desk.url.removeprefix("sqlite:///")
    while True:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        with contextlib.closing(sqlite3.connect(path, timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
                continue
            connection.execute("ROLLBACK")
            return


def test_a_worker_that_lost_its_name_stops(desk: Desk) -> None:
    """Who was stopped for so long that another has its name does not go on beside it."""
    first = desk.worker(name="same")
    second = None
    while second is None:
        stop_between_writes(desk, first)
        try:
            second = desk.worker(name="same")
        except AssertionError:  # it was stopped in the middle of something that the other one waited for
            first.send_signal(signal.SIGCONT)
            time.sleep(1)
    first.send_signal(signal.SIGCONT)
    assert first.wait(20) == 3
    assert second.poll() is None


def test_told_to_stop_a_worker_gives_its_runs_back(desk: Desk) -> None:
    """SIGTERM: the effect under way is finished, no other begins, and another worker goes on at once."""
    first = desk.worker(name="first")
    runs = [begin(desk, "slowly", seconds=0.5, times=[1, 2, 3, 4]) for _ in range(3)]
    desk.until(lambda states: all(desk.ledger(run) for run in runs))
    first.terminate()
    assert first.wait(20) == 0
    before = {run: desk.ledger(run) for run in runs}
    assert any(len(calls) < 4 for calls in before.values())
    assert all(state.status == "queued" for state in desk.states().values())
    desk.worker(name="second")
    assert over(desk.until(over))
    for run in runs:
        assert desk.ledger(run)[: len(before[run])] == before[run]
        assert len(desk.ledger(run)) == 4, "no call was made twice"


def test_runs_of_a_dead_worker_go_on_elsewhere(desk: Desk) -> None:
    """Killed while three runs are under way on it, the others take them up; what was recorded is not done again."""
    first = desk.worker(name="first")
    runs = [begin(desk, "slowly", seconds=0.3, times=[1, 2, 3]) for _ in range(3)]
    desk.until(lambda states: all(desk.ledger(run) for run in runs))
    desk.worker(name="second")
    first.send_signal(signal.SIGKILL)
    desk.until(over)
    for run in runs:
        assert len({key for key, _ in desk.ledger(run)}) == 3
        assert len(desk.ledger(run)) <= 4
        assert desk.states()[run].deaths <= 1


def test_an_edited_flow_changes_no_run_and_a_changed_tool_is_shown_to_a_person(desk: Desk) -> None:
    """The text travels with the run; a tool that is declared otherwise holds it until somebody accepts that."""
    edited = begin(desk, "three", n=1)
    flow = desk.root / "ledgerdesk/flows/three.yaml"
    flow.write_text(flow.read_text().replace("what: b", "what: changed"))
    desk.worker()
    assert ended(desk, edited).status == "done"
    assert [what for _, what in desk.ledger(edited)] == ["a 1", "b", "c"]

    run = begin(desk, "ask", n=1)
    go(send(run, "reply", {"text": "hi"}, database=desk.url))
    desk.processes[-1].terminate()
    desk.processes[-1].wait()
    held = begin(desk, "three", n=1)
    tools = desk.root / "ledgerdesk/tools.py"
    tools.write_text(tools.read_text().replace('"""Write it down."""', '"""Write it down, and send it."""'))
    desk.worker()
    state = ended(desk, held, waiting=True)
    assert state.status == "held"
    assert "note" in str(state.reason)
    with pytest.raises(NotSent, match="held"):
        go(resume(held, database=desk.url))
    go(resume(held, accept_change=True, database=desk.url))
    assert ended(desk, held).status == "done"


def test_a_result_of_20_mb_reaches_a_worker_that_has_never_seen_it(desk: Desk) -> None:
    """It is a file for the tools, and a row in the database for every machine that needs the file."""
    first = desk.worker(name="first")
    run = begin(desk, "large", size=20_000_000)
    assert ended(desk, run, waiting=True).status == "waiting"
    first.kill()
    first.wait()
    for file in (desk.root / "files").rglob("*.json"):
        file.unlink()
    desk.worker(name="second")
    go(send(run, "reply", {"text": "on"}, database=desk.url))
    assert ended(desk, run).output == {"size": 20_000_002}
    assert delete(desk.database, [run]) == 1
    with pytest.raises(LevError, match="no run"):
        go(result(run, database=desk.url))


def test_a_fork_takes_over_what_was_done(desk: Desk) -> None:
    """A run begun from the middle of another does only the rest, with keys of its own; its journal replays."""
    desk.worker()
    run = begin(desk, "three", n=1)
    ended(desk, run)
    made = go(fork(run, at="c", database=desk.url))
    assert ended(desk, made).output == {"last": "C"}
    assert [what for _, what in desk.ledger(made)] == ["c"]
    assert not {key for key, _ in desk.ledger(made)} & {key for key, _ in desk.ledger(run)}
    path = desk.root / "fork.jsonl"
    assert export(desk.database, made, path) > 0

    assert not replay(path).divergences
    with pytest.raises(LevError, match="no step 'nowhere'"):
        go(fork(run, at="nowhere", database=desk.url))


@pytest.mark.parametrize("at", ["reply", "steps/1", "2"])
def test_a_run_is_forked_where_it_stands(desk: Desk, at: str) -> None:
    """The wait that is open now is a place as those that have been answered are, by its id, path or number."""
    run = go(start("ledgerdesk/flows/large", {"size": 9}, database=desk.url))
    desk.worker()
    desk.until(lambda states: states[run].status == "waiting")
    made = go(fork(run, at=at, database=desk.url))
    desk.until(lambda states: states[made].status == "waiting")
    go(cancel(run, database=desk.url))
    assert go(send(made, "reply", {"text": "x"}, database=desk.url))
    with pytest.raises(LevError, match="no step '3'"):
        go(fork(made, at="3", database=desk.url))


def test_a_clock_that_jumps(desk: Desk) -> None:
    """Time that runs back or far ahead between two workers neither stops a run nor breaks its journal."""
    shift = desk.root / "sitecustomize.py"
    for hours in (-5, 5):
        shift.write_text(
            "import os, time\n_real = time.time\n"
            "time.time = lambda: _real() + 3600 * float(os.environ.get('HOURS', '0'))\n"
        )
        first = desk.worker(name=f"first{hours}")
        run = begin(desk, "ask", n=hours)
        assert ended(desk, run, waiting=True).status == "waiting"
        first.kill()
        first.wait()
        second = desk.worker(name=f"second{hours}", HOURS=str(hours))
        with contextlib.suppress(NotSent):  # five hours later the wait may be over before the answer comes
            go(send(run, "reply", {"text": "hi"}, database=desk.url))
        assert ended(desk, run).output in ({"answer": "HI"}, {"answer": "nobody"})
        path = desk.root / f"{hours}.jsonl"
        export(desk.database, run, path)
        second.kill()
        second.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_disk(desk: Desk, tmp_path: Path) -> None:
    """A database that has no room left loses nothing: when there is room again, the runs go on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    small = Desk(desk.root, f"sqlite:///{disk / 'runs.sqlite'}")
    try:
        runs = [begin(small, "slowly", seconds=0.2, times=[1, 2, 3, 4, 5]) for _ in range(3)]
        small.worker()
        small.until(lambda states: all(small.ledger(run) for run in runs))
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        time.sleep(3)
        ballast.unlink()
        states = small.until(over, 60)
        assert {state.status for state in states.values()} == {"done"}
        for run in runs:
            assert len({key for key, _ in small.ledger(run)}) == 5
        with sqlite3.connect(disk / "runs.sqlite") as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.close()
    finally:
        small.close()
        subprocess.run(["umount", str(disk)], check=True)


def test_a_power_cut_takes_the_end_of_an_sqlite_file_at_most(desk: Desk) -> None:
    """With whatever is left of the write-ahead log, every run that is still known ends as it would have.

    A log of which the last commits are lost is a prefix, perhaps with zeros behind it: that much SQLite promises.
    """
    worker = desk.worker()
    whole = begin(desk, "three", n=1)
    assert ended(desk, whole).output == {"last": "C"}
    run = begin(desk, "slowly", seconds=0.2, times=list(range(10)))
    desk.until(lambda states: len(desk.ledger(run)) >= 5)
    worker.kill()
    worker.wait()
    keys = {key for key, _ in desk.ledger(run)}
    path = Path(desk.url.removeprefix("sqlite:///"))
    data, log = path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()
    steps, known = [], 0
    for part, zeros in ((1.0, 0), (0.99, 4096), (0.97, 0), (0.9, 5000), (0.5, 0)):
        folder = desk.root / f"cut-{part}"
        folder.mkdir()
        (folder / path.name).write_bytes(data)
        (folder / f"{path.name}-wal").write_bytes(log[: int(len(log) * part)] + bytes(zeros))
        (desk.root / f"{run}.ledger").unlink(missing_ok=True)
        cut = Desk(desk.root, f"sqlite:///{folder / path.name}")
        try:
            cut.worker()
            states = cut.until(lambda states: all(state.is_over for state in states.values()))
            if run in states:
                known += 1
                assert states[run].output == {"done": True}
                steps.append(len(cut.ledger(run)))
                assert len({key for key, _ in cut.ledger(run)} | keys) == 10, "the same keys as before"
            if whole in states:
                assert states[whole].output == {"last": "C"}
        finally:
            cut.close()
    assert known >= 2
    assert steps == sorted(steps), "the less is left, the more is done again"


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_database_that_cuts_every_connection(desk: Desk) -> None:
    """Connections that are cut in the middle of runs are made again; every run ends, and no call is recorded twice."""
    import psycopg

    desk.worker()
    runs = [begin(desk, "slowly", seconds=0.1, times=list(range(8))) for _ in range(6)]
    desk.until(lambda states: all(desk.ledger(run) for run in runs))
    own = desk.url.rpartition("/")[2].partition("?")[0]
    for _ in range(3):
        with psycopg.connect(desk.url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
                (own,),
            )
        time.sleep(0.5)
    states = desk.until(over, 60)
    assert {state.status for state in states.values()} == {"done"}
    for run in runs:
        assert len({key for key, _ in desk.ledger(run)}) == 8
        assert len(desk.ledger(run)) <= 8 + 3


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_transaction_that_was_idle_for_too_long(url: str) -> None:
    """A process that was stopped in the middle of one finds its connection ended, as if the database had gone."""
    database = open_database(url)

    def stopped() -> None:
        with database.begin() as connection:
            connection.execute(sa.text("set local idle_in_transaction_session_timeout = 1"))
            while True:
                time.sleep(0.05)
                connection.execute(sa.text("select 1"))

    try:
        with pytest.raises(NoDatabase, match="idle-in-transaction"):
            stopped()
        with database.begin() as connection:
            assert connection.scalar(sa.text("select 1")) == 1
    finally:
        database.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_what_an_address_sets_stays(url: str) -> None:
    """Our timeout is for those who have named none."""
    for options, expected in (("", "1min"), ("&options=-c%20idle_in_transaction_session_timeout%3D5min", "5min")):
        database = open_database(url + options)
        try:
            with database.begin() as connection:
                assert connection.scalar(sa.text("show idle_in_transaction_session_timeout")) == expected
        finally:
            database.close()


def test_an_address_that_leads_nowhere(desk: Desk) -> None:
    """Each command says what is wrong with the database, and what to do."""
    (desk.root / "text").write_text("no database, though long enough to be one\n" * 100)
    for url, told in (
        (f"sqlite:///{desk.root / 'text'}", "cannot be used"),
        (f"sqlite:///{desk.root / 'mistyped'}", "there is no database"),
        (f"sqlite+pysqlite:///{desk.root / 'mistyped'}", "there is no database"),
        ("postgresql://nobody@localhost:1/x", "cannot be reached"),
        ("mysql://x/y", "PostgreSQL or SQLite"),
        ("nonsense", "not the address"),
    ):
        said = subprocess.run(
            [sys.executable, "-m", "lev_os.cli", "runs", "list", "--database", url],
            cwd=desk.root,
            capture_output=True,
            text=True,
        )
        assert said.returncode == 2
        assert told in said.stderr
        assert "Traceback" not in said.stderr
    assert not (desk.root / "mistyped").exists()
    there = f"sqlite:///{desk.root / 'there'}"
    open_database(there).close()
    command = [sys.executable, "-m", "lev_os.cli", "runs", "list", "--database", f"{there}?timeout=9"]
    assert subprocess.run(command, cwd=desk.root, capture_output=True).returncode == 0
    with pytest.raises(NoDatabase, match="cannot be made"):
        open_database(f"sqlite:///{desk.root / 'text' / 'runs'}")
