"""Steps that do nothing, recorded by DBOS: driven by a flow, or written by hand in DBOS.

Arguments: database, `flow` | `hand` | `flow-parallel` | `hand-parallel`, runs, steps of each.

What is measured begins and ends at the same moments on both sides: a few runs import what is needed, then the others
are written down for a moment that is a few seconds off, and the clock runs from then until the last has ended."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable

import psycopg
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, SetWorkflowID
from lev_os.core import Flow, tool
from lev_os.workflow import worker
from lev_os.workflow.client import enqueue, ordered
from lev_os.workflow.database import open_database

url, kind, runs, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
QUEUE, AT_ONCE, POLLING, WARM, AHEAD = f"bench-{os.getpid()}", 10, 0.2, 3, 5.0
ENDED = (
    "select count(*) from dbos.workflow_status"
    " where name = %s and status = 'SUCCESS' and starts_with(workflow_uuid, %s)"
)
database = open_database(url)
watching = psycopg.connect(url, autocommit=True)  # asked often, so it must not cost what is measured
Begin = Callable[[str, float | None], object]
"""Write down a run of this name, which begins so many seconds from now."""


@tool(effects=(), idempotent=True)
async def increment(n: int) -> int:
    """One more."""
    return n + 1


def flow(parallel: bool) -> Flow:
    """`steps` calls, one after the other or all at once."""
    calls = [f"{{id: s{i}, call: ./tools/increment, with: {{n: {i}}}}}" for i in range(steps)]
    body = "".join(f"  - {call}\n" for call in calls)
    if parallel:
        body = "  - id: all\n    parallel:\n" + "".join(f"      b{i}: [{call}]\n" for i, call in enumerate(calls))
    last = f"all.b{steps - 1}.s{steps - 1}" if parallel else f"s{steps - 1}"
    return Flow.parse(
        f"flowmind: 1\nname: bench\ninput: {{n: integer}}\noutput: {{n: integer}}\nsteps:\n{body}"
        f'  - return: {{n: "${{{last}}}"}}\n'
    )


@DBOS.workflow(name="hand")
async def hand(given: dict[str, int]) -> dict[str, int]:
    """The same steps, one after the other."""
    last = 0
    for i in range(steps):
        last = await DBOS.run_step_async({"name": f"tool s{i}"}, increment, i)
    return {"n": last}


@DBOS.workflow(name="hand-one")
async def hand_one(n: int) -> int:
    """One step of several at once."""
    return await increment(n)


@DBOS.workflow(name="hand-parallel")
async def hand_parallel(given: dict[str, int]) -> dict[str, int]:
    """The same steps, all at once, each a child workflow; what ends first counts first."""
    own = DBOS.workflow_id
    waiting = {}
    for i in range(steps):
        with SetWorkflowID(f"{own}/{i}"):
            handle = await DBOS.start_workflow_async(hand_one, i)
        waiting[handle.workflow_id] = handle
    last = 0
    while waiting:
        first = await DBOS.wait_first_async(list(waiting.values()), polling_interval_sec=0.05)
        last = max(last, await waiting.pop(first.workflow_id).get_result())
    return {"n": last}


def ended(name: str) -> int:
    row = watching.execute(ENDED, (name, QUEUE)).fetchone()
    assert row is not None
    return int(row[0])


async def measured(name: str, begin: Begin) -> None:
    for number in range(WARM):
        begin(f"{QUEUE}-warm-{number}", None)
    while ended(name) < WARM:
        await asyncio.sleep(0.1)
    due = time.time() + AHEAD
    for number in range(runs):
        begin(f"{QUEUE}-{number}", max(0.0, due - time.time()))
    if time.time() > due:
        raise SystemExit("the machine is too busy to write the runs down before they begin")
    await asyncio.sleep(due - time.time())
    begun, wall = time.process_time(), time.perf_counter()
    while ended(name) < WARM + runs:
        await asyncio.sleep(0.1)
    used = time.process_time() - begun
    print(json.dumps({"steps": runs * steps, "cpu": used, "wall": time.perf_counter() - wall}))


async def by_flow(parallel: bool) -> None:
    linked = flow(parallel).link(tools={"./tools/increment": increment})

    def begin(own: str, delay: float | None) -> None:
        enqueue(database, ordered(linked, {"n": 3}, queue=QUEUE, run=own), delay=delay)

    stop, started = asyncio.Event(), asyncio.Event()
    work = asyncio.ensure_future(
        worker(
            queue=QUEUE,
            concurrency=AT_ONCE,
            database=url,
            name=QUEUE,
            stop=stop,
            started=started,
            tools={"./tools/increment": increment},
        )
    )
    await started.wait()
    await measured("lev.run", begin)
    stop.set()
    await work


async def by_hand(name: str) -> None:
    def begin(own: str, delay: float | None) -> None:
        options: EnqueueOptions = {
            "workflow_name": name,
            "queue_name": QUEUE,
            "workflow_id": own,
            "app_version": "hand",
        }
        if delay is not None:
            options["delay_seconds"] = delay
        database.client.enqueue(options, {"n": 3})

    config = DBOSConfig(
        name="lev",
        application_version="hand",
        executor_id=QUEUE,
        system_database_url=url,
        system_database_engine=database.engine,
        serializer=DBOSPortableJSONSerializer(),
        log_level="CRITICAL",
    )
    DBOS(config=config)
    DBOS.listen_queues([QUEUE])
    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=POLLING)
    await measured(name, begin)
    await asyncio.to_thread(DBOS.destroy)


logging.getLogger("dbos").setLevel(logging.CRITICAL)
asyncio.run(by_hand(kind) if kind.startswith("hand") else by_flow(kind.endswith("parallel")))
