"""What is recorded of a run leads to the same machine and the same journal, without any database."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from lev_os.core import Flow, tool
from lev_os.core.bidirectional import replay
from lev_os.core.bidirectional.driver import World
from lev_os.core.bidirectional.effects import Effect
from lev_os.core.bidirectional.journal import Journal
from lev_os.core.errors import InvalidInput, LevError
from lev_os.workflow import names
from lev_os.workflow.client import enqueue, ordered, waits_of
from lev_os.workflow.course import Arrival, Course, Diverged, Order, rebuilt
from lev_os.workflow.database import NoDatabase, database_url, files, open_database, wishes
from lev_os.workflow.files import references
from lev_os.workflow.host import Host
from lev_os.workflow.places import step_of
from lev_os.workflow.rows import want_end
from lev_os.workflow.runs import look

TEXT = """
flowmind: 1
name: outer
input: {n: integer}
output: {n: integer}
steps:
  - id: both
    parallel:
      p: [{id: a, call: ./tools/increment, with: {n: "${input.n}"}}]
      q: [{id: b, wait: go, returns: {n: integer}}]
  - id: last
    call: ./tools/increment
    with: {n: "${both.p.a}"}
  - return: {n: "${last}"}
"""


@tool(effects=(), idempotent=True)
def increment(n: int) -> int:
    """One more."""
    return n + 1


LINKED = Flow.parse(TEXT).link(tools={"./tools/increment": increment})


def order(run: str = "r") -> Order:
    """The order of a run of the flow above."""
    return ordered(LINKED, {"n": 1}, queue="default", run=run)


def driven(given: Order) -> tuple[Course, list[Arrival]]:
    """A run driven to its end by hand, and what would be recorded of it."""
    course = Course(given, LINKED)
    course.begin(100.0)
    arrivals: list[Arrival] = [{"began": 100.0}]
    at = 100.0
    while course.machine.outcome is None:
        effect = course.machine.effects[-1]
        at += 1
        value: Any = {"n": 7} if effect.kind == "wait" else effect.request["arguments"]["n"] + 1
        arrival = {"key": effect.key, "attempt": 1, "at": at, "value": value, "after": course.after}
        course.take(arrival)
        arrivals.append(arrival)
    return course, arrivals


def test_arrivals_alone_lead_to_the_same_machine_and_to_a_journal_that_replays(tmp_path: Path) -> None:
    """The records made from arrivals are a journal like any other, outcome and usage included."""
    course, arrivals = driven(order())
    again, records = rebuilt(order(), LINKED, msgspec.json.decode(msgspec.json.encode(arrivals)))
    assert again.machine.outcome == course.machine.outcome
    assert again.machine.outcome is not None
    assert again.machine.outcome.output == {"n": 3}
    with Journal.create(tmp_path / "r.jsonl") as journal:
        journal.append(records)
    found = replay(tmp_path / "r.jsonl")
    assert not found.divergences
    assert found.outcome == course.machine.outcome


def test_a_version_that_decides_otherwise_is_found_out() -> None:
    """Each arrival says what had been said before it; a machine that says something else stops."""
    _, arrivals = driven(order())
    arrivals[2]["after"] = "0" * 16
    with pytest.raises(Diverged, match="does not come to what was recorded"):
        rebuilt(order(), LINKED, arrivals)


def test_an_order_says_what_does_not_fit_before_anything_is_written() -> None:
    """Input, and the name of the run."""
    with pytest.raises(InvalidInput, match="n"):
        ordered(LINKED, {}, queue="default", run=None)
    with pytest.raises(LevError, match="not the name of a run"):
        order("a/b")


def test_effects_are_called_after_their_steps() -> None:
    """Through branches, by the ids in the text."""
    course = Course(order(), LINKED)
    course.begin(0.0)
    assert [step_of(LINKED, effect) for effect in course.machine.effects] == ["a", "b"]
    strange = Effect(token="", kind="tool", key="", attempt=1, path="steps/9", request={}, digest="")
    assert step_of(LINKED, strange) == "steps/9"
    assert waits_of(LINKED) == {"go"}


def test_ids_of_what_belongs_to_a_run_begin_with_it() -> None:
    """A run's name holds no slash, so nothing of one run can be taken for another's."""
    assert names.beside("r", "k", 2) == "r/k/2"
    assert names.deadline("r", "k", 2) == "r/k/2/deadline"
    assert names.signal("r", "go", 0) == "r/signal/go/0"
    assert names.cancel("r") == "r/cancel"


def test_files_are_found_wherever_a_value_refers_to_them() -> None:
    """A reference has a digest; a text that looks like one has none."""
    value = {"a": [{"$file": "/x/1", "bytes": 1, "digest": "d"}], "b": {"$file": "/x/2"}}
    assert list(references(value)) == [Path("/x/1")]


def test_a_database_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an option or by the environment, and it is one of two kinds."""
    monkeypatch.delenv("LEV_DATABASE_URL", raising=False)
    with pytest.raises(NoDatabase, match="need a database"):
        database_url()
    monkeypatch.setenv("LEV_DATABASE_URL", "sqlite:///x")
    assert database_url() == "sqlite:///x"
    with pytest.raises(NoDatabase, match="PostgreSQL or SQLite"):
        open_database("mysql://x/y")
    with pytest.raises(NoDatabase, match="not outlive"):
        open_database("sqlite:///:memory:")


def test_a_database_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """Tables that a later version needs are made beside those that are there, which keep what they hold."""
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    older = open_database(url)
    enqueue(older, order("kept"))
    with older.engine.begin() as connection:
        wishes.drop(connection)
        files.drop(connection)
    older.close()
    newer = open_database(url)
    assert want_end(newer, "kept", "old")
    assert not want_end(newer, "kept", "again")
    assert look(newer, "kept").status == "queued"
    newer.close()


def test_runs_that_begin_together_share_a_look_and_hear_what_was_wished_before(tmp_path: Path) -> None:
    """Of five that ask while one look is under way, each is answered by a look that began after it had asked."""
    database = open_database(f"sqlite:///{tmp_path}/runs.db")
    looks: list[int] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *given: looks.append("wishes" in given[2]))

    async def both() -> dict[str, str]:
        host = Host(database, lambda _: nullcontext(World()), executor_id="e", folder=tmp_path)
        first = asyncio.ensure_future(host.look_for_end("r0"))
        await asyncio.sleep(0)
        with database.begin() as connection:
            connection.execute(sa.insert(wishes).values(run="r3", reason="enough"))
        looks.clear()
        dropped = asyncio.ensure_future(host.look_for_end("r1"))
        await asyncio.sleep(0)
        dropped.cancel()
        await asyncio.gather(first, *(host.look_for_end(f"r{number}") for number in range(2, 6)))
        return host.wanted_end

    assert asyncio.run(both()) == {"r3": "enough"}
    assert sum(looks) <= 2
