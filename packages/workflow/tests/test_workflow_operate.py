"""Queues, schedules, metrics, traces and the command line, on a database with real workers."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest
import sqlalchemy as sa
from lev_os.core.bidirectional import read_journal
from lev_os.core.errors import LevError
from lev_os.workflow import result, start
from lev_os.workflow.database import workers
from lev_os.workflow.metrics import serving
from lev_os.workflow.runs import dead_letters, delete, ended_before, export
from lev_os.workflow.schedules import add_schedule, list_schedules, remove_schedule

from .conftest import Desk, go, over

pytestmark = pytest.mark.slow
FLOW = "ledgerdesk/flows/three"


def test_a_queue_has_an_order_and_takes_a_run_once(desk: Desk) -> None:
    """Priority goes before age; a name is one run for ever, a deduplication id one run at a time."""
    for run, priority in (("late", 9), ("early", 1), ("middle", 5)):
        go(start(FLOW, {"n": 1}, run=run, priority=priority, database=desk.url))
    assert go(start(FLOW, {"n": 1}, run="late", database=desk.url)) == "late"
    go(start(FLOW, {"n": 1}, run="one", priority=7, deduplicate="x", database=desk.url))
    with pytest.raises(LevError, match="deduplication id 'x'"):
        go(start(FLOW, {"n": 1}, run="two", deduplicate="x", database=desk.url))
    desk.worker("--concurrency", "1")
    assert set(desk.until(over)) == {"late", "early", "middle", "one"}
    began = {}
    for run in desk.states():
        export(desk.database, run, desk.root / f"{run}.jsonl")
        began[run] = read_journal(desk.root / f"{run}.jsonl")[0].at
    assert sorted(began, key=lambda run: began[run]) == ["early", "middle", "one", "late"]
    go(start(FLOW, {"n": 1}, run="three", deduplicate="x", database=desk.url))
    desk.until(over)


def test_a_schedule_begins_a_run_for_each_moment_once(desk: Desk) -> None:
    """Two workers begin every moment's run once; what cannot be read is refused."""
    with pytest.raises(LevError, match="cron"):
        add_schedule("bad", FLOW, "every day", database=desk.url)
    with pytest.raises(LevError, match="timezone"):
        add_schedule("bad", FLOW, "* * * * *", {"n": 1}, zone="Nowhere/Town", database=desk.url)
    add_schedule("tick", FLOW, "* * * * * *", {"n": 1}, zone="Europe/Berlin", database=desk.url)
    assert [schedule.name for schedule in list_schedules(database=desk.url)] == ["tick"]
    desk.worker(name="a")
    desk.worker(name="b")
    desk.until(lambda states: sum(state.is_over for state in states.values()) >= 3)
    remove_schedule("tick", database=desk.url)
    with pytest.raises(LevError, match="no schedule tick"):
        remove_schedule("tick", database=desk.url)
    for run in desk.states():
        assert run.startswith("tick-2")
        assert len(desk.ledger(run)) in (0, 1, 2, 3)


def test_a_moment_whose_flow_is_broken_meanwhile_is_a_dead_letter(desk: Desk) -> None:
    """The run of a schedule's moment that cannot begin has failed, with the reason, and the worker says so."""
    add_schedule("tick", FLOW, "* * * * * *", {"n": 1}, database=desk.url)
    (desk.root / "ledgerdesk" / "flows" / "three.yaml").unlink()
    worker = desk.worker()
    desk.until(over)
    remove_schedule("tick", database=desk.url)
    letter = dead_letters(desk.database)[-1]
    assert letter.run.startswith("tick-2")
    assert (letter.flow, letter.status) == (FLOW, "failed")
    assert "three" in str(letter.reason)
    shown = desk.lev("runs", "show", letter.run)
    assert "could not begin" in shown.stderr, shown.stderr
    worker.terminate()
    assert worker.stderr is not None
    assert f"the run {letter.run} of schedule tick cannot begin" in worker.stderr.read()
    assert delete(desk.database, [letter.run]) == 1


def test_metrics_tell_what_waits_and_retention_deletes_what_is_over(desk: Desk) -> None:
    """Read from the database when they are asked for; only runs that are over can be deleted."""
    go(start(FLOW, {"n": 1}, run="r", database=desk.url))
    with serving(desk.database, 0) as port:
        said = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        assert 'lev_runs{queue="default",status="queued"} 1.0' in said
        assert 'lev_queue_oldest_seconds{queue="default"}' in said
        assert delete(desk.database, ["r"]) == 0
        desk.worker(name="w")
        go(result("r", timeout=60, database=desk.url))
        said = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert 'lev_runs_ended{status="done"} 1.0' in said
    assert 'lev_worker_seen_seconds{worker="w"}' in said
    assert ended_before(desk.database, time.time() - 3600) == []
    assert ended_before(desk.database, time.time() + 3600) == ["r"]
    assert delete(desk.database, ["r"]) == 1
    assert desk.states() == {}


def test_what_nobody_has_heard_of_yet_is_told_truly(desk: Desk) -> None:
    """Without a worker an answer and a wish lie in the database: the run is queued, and a second answer is told so."""
    run, other = (go(start("ledgerdesk/flows/large", {"size": 2 << 20}, database=desk.url)) for _ in range(2))
    worker = desk.worker()
    desk.until(lambda states: all(state.status == "waiting" for state in states.values()))
    worker.kill()
    worker.wait()
    with serving(desk.database, 0) as port:
        said = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert 'lev_runs{queue="default",status="waiting"} 2.0' in said

    first = desk.lev("runs", "approve", run, "--json", '{"text": "x"}')
    told = json.loads(first.stdout)
    assert (told["answered"], told["status"], told["waits"]) == (True, "queued", [])
    second = desk.lev("runs", "approve", run, "--json", '{"text": "y"}')
    assert second.stderr == "it was answered before; the first answer stands\n"
    assert json.loads(second.stdout)["answered"] is False
    assert set(desk.states(status="queued")) == {run}
    assert set(desk.states(status="waiting")) == {other}

    assert json.loads(desk.lev("runs", "signal", other, "reply", "--json", '{"text": "z"}').stdout)["sent"] is True
    with desk.database.begin() as connection:
        connection.execute(sa.update(workers).values(seen=0.0))
    cancelled = desk.lev("runs", "cancel", other)
    assert cancelled.stdout == f"{other} is ending\n"
    assert "nobody works on the queue default" in cancelled.stderr
    assert "is ending, not over" in desk.lev("runs", "forget", other).stderr
    assert desk.lev("runs", "forget").returncode == 2
    desk.worker()
    assert desk.until(over)[run].status == "done"


def test_the_command_line_operates_durable_runs(desk: Desk) -> None:
    """Start, list, show, approve, watch, replay: the same commands as for journals, told by the database."""
    started = desk.lev("run", "ledgerdesk/flows/all", "--durable", "--input", '{"items": ["x"]}', "--json")
    assert started.returncode == 5, started.stderr
    run = json.loads(started.stdout)["run"]
    (listed,) = json.loads(desk.lev("runs", "list", "--json", "--status", "waiting").stdout)
    assert {"run", "flow", "status", "started", "updated", "step"} <= set(listed)
    assert (listed["run"], listed["flow"], listed["step"]) == (run, "ledgerdesk/flows/all", "go")
    said = desk.lev("runs", "approve", run, "--wait", "go", "--json", '{"text": "hi"}')
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["answered"] is True
    desk.worker()
    watched = desk.lev("runs", "watch", run)
    assert watched.returncode == 5, watched.stderr
    refused = desk.lev("runs", "approve", run, "--json", '{"approved": "perhaps"}')
    assert refused.returncode == 2
    assert "does not fit" in refused.stderr
    assert desk.lev("runs", "approve", run, "--json", '{"approved": true}').returncode == 0
    go(result(run, timeout=60, database=desk.url))
    assert "the same, record by record" in desk.lev("runs", "replay", run).stdout
    assert "last" in desk.lev("runs", "show", run).stdout
    assert desk.lev("runs", "dead").stdout == "no dead letters\n"
    unknown = desk.lev("runs", "show", "nobody")
    assert unknown.returncode == 2
    assert "Traceback" not in unknown.stderr


def test_a_run_belongs_to_the_trace_of_who_started_it(desk: Desk) -> None:
    """The trace context travels with the run, and the worker's spans lie below it."""
    script = textwrap.dedent(f"""
        import asyncio
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        trace.set_tracer_provider(provider)
        from lev_os.workflow import result, start, worker

        async def main():
            with trace.get_tracer("test").start_as_current_span("request") as request:
                run = await start("{FLOW}", {{"n": 1}}, database={desk.url!r})
            stop = asyncio.Event()
            work = asyncio.create_task(worker(database={desk.url!r}, stop=stop))
            await result(run, timeout=60, database={desk.url!r})
            stop.set()
            await work
            ours = [span for span in spans.get_finished_spans() if span.context.trace_id == request.context.trace_id]
            root = next(span for span in ours if span.name.startswith("invoke_workflow"))
            assert root.parent.span_id == request.context.span_id
            print(sorted(span.name for span in ours))

        asyncio.run(main())
    """)
    done = subprocess.run([sys.executable, "-c", script], cwd=desk.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("execute_tool note") == 3
    assert f"invoke_workflow {FLOW}" in done.stdout
