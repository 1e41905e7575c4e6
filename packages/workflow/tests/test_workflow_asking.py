"""What a database is asked without any worker: which runs there are, and what it takes into its queues."""

from __future__ import annotations

import pytest
from lev_os.workflow import start
from lev_os.workflow.runs import list_states

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
