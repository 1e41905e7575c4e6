"""What a database is asked without any worker: which runs there are, and what it takes into its queues."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import PackageNotFound
from lev_os.workflow import cancel, send, start, worker
from lev_os.workflow.database import NoDatabase
from lev_os.workflow.runs import list_states, look
from lev_os.workflow.schedules import add_schedule, list_schedules

from .conftest import Desk, go

THREE, ASK = "ledgerdesk/flows/three", "ledgerdesk/flows/ask"
BOTH = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)], indirect=True, ids=["sqlite", "postgres"]
)


@BOTH
def test_runs_are_found_by_flow_and_queue_on_every_database(desk: Desk) -> None:
    """DBOS itself filters by attributes on PostgreSQL alone."""
    for run, flow, queue in (("a", THREE, "one"), ("b", THREE, "two"), ("c", ASK, "two")):
        go(start(flow, {"n": 1}, run=run, queue=queue, database=desk.url))
    assert set(desk.states(flow=THREE)) == {"a", "b"}
    assert set(desk.states(queue="two", status="queued")) == {"b", "c"}
    assert set(desk.states(flow=THREE, queue="two")) == {"b"}
    assert [state.run for state in list_states(desk.database, queue="two", limit=1)] == ["c"]
    assert desk.states(flow="ledgerdesk/flows/nothing") == {}


def test_a_schedule_that_could_begin_nothing_is_refused(desk: Desk) -> None:
    """An input that does not fit, a flow that is not there, a day that never comes, a name that is taken."""
    with pytest.raises(InvalidInput, match="n"):
        add_schedule("tick", THREE, "* * * * *", {"n": "5"}, database=desk.url)
    with pytest.raises(LevError, match="nothing"):
        add_schedule("tick", "ledgerdesk/flows/nothing", "* * * * *", {"n": 5}, database=desk.url)
    with pytest.raises(PackageNotFound):
        add_schedule("tick", "nobody/flows/three", "* * * * *", {"n": 5}, database=desk.url)
    for cron in ("0 8 31 2 *", "every day", "* * * * * * 2020"):
        with pytest.raises(LevError, match="cron expression"):
            add_schedule("tick", THREE, cron, {"n": 5}, database=desk.url)
    assert list_schedules(database=desk.url) == []
    add_schedule("tick", THREE, "0 8 29 2 *", {"n": 5}, database=desk.url)
    with pytest.raises(LevError, match="there is a schedule tick already"):
        add_schedule("tick", THREE, "0 8 * * *", {"n": 5}, database=desk.url)
    assert [schedule.cron for schedule in list_schedules(database=desk.url)] == ["0 8 29 2 *"]


def test_a_run_that_no_worker_would_ever_get_is_refused(desk: Desk) -> None:
    """A queue has a name, a priority begins at 1, and a delay leads to a date."""
    for queue in ("", " ", "lev.system", "default.effects"):
        with pytest.raises(LevError, match="is not the name of a queue"):
            go(start(THREE, {"n": 1}, queue=queue, database=desk.url))
        with pytest.raises(LevError, match="is not the name of a queue"):
            add_schedule("tick", THREE, "* * * * *", {"n": 1}, queue=queue, database=desk.url)
        with pytest.raises(LevError, match="is not the name of a queue"):
            go(worker(queue=["default", queue], database=desk.url))
    for priority in (0, -1, 2**31):
        with pytest.raises(LevError, match="is not a priority"):
            go(start(THREE, {"n": 1}, priority=priority, database=desk.url))
    for delay in (-1.0, float("inf"), float("nan")):
        with pytest.raises(LevError, match="is not a delay"):
            go(start(THREE, {"n": 1}, delay=delay, database=desk.url))
    assert desk.states() == {}


def test_a_database_that_has_gone_meanwhile_is_told_as_such(desk: Desk) -> None:
    """Whoever asks later hears the same as at first: `NoDatabase`, which may be tried again."""
    run = go(start(THREE, {"n": 1}, database=desk.url))
    with desk.database.begin() as connection:
        for table in ("workflow_status", "workflow_schedules"):
            connection.execute(sa.text(f"drop table {table}"))
    with pytest.raises(NoDatabase):
        go(start(THREE, {"n": 1}, database=desk.url))
    with pytest.raises(NoDatabase):
        go(send(run, "reply", database=desk.url))
    with pytest.raises(NoDatabase):
        go(cancel(run, database=desk.url))
    with pytest.raises(NoDatabase):
        look(desk.database, run)
    with pytest.raises(NoDatabase):
        list_schedules(database=desk.url)
