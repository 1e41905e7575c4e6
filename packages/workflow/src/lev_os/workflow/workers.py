"""A worker: a process that takes runs from queues, drives them, and takes over those of workers that have died."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from lev_os.core.bidirectional.driver import World
from lev_os.core.errors import LevError

from . import names, rows
from .beating import Beat
from .database import open_database
from .files import files_folder
from .host import Host, MakeWorld, serve

if TYPE_CHECKING:
    from lev_os.core.flowmind.link import LinkedFlow

_POLLING, _ANSWERS, _RARELY = 0.2, 0.5, 3.0
"""Seconds between two looks into a queue of runs, into that of answers and alarms, and into one of effects beside
others, where only those of dead workers are. An idle look costs 4 to 5 ms of CPU, as much as a step."""
_DRAIN = 30.0
_SCHEDULES = 5.0
"""Seconds until a worker hears of a new schedule, at most."""
_WATCH = 1.0
_PATIENCE = 5
_RATE = re.compile(r"(\d+)/(\d*)(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

log = logging.getLogger("lev_os.workflow")


class WorkerReplaced(LevError):
    """Another worker has taken this one's name; it has stopped at once."""

    exit_code = 3


async def worker(
    *,
    queue: str | Sequence[str] = names.DEFAULT_QUEUE,
    concurrency: int = 10,
    rate: str | None = None,
    database: str | None = None,
    name: str | None = None,
    stop: asyncio.Event | None = None,
    drain: float = _DRAIN,
    started: asyncio.Event | None = None,
    make_world: MakeWorld | None = None,
    **world: Unpack[World],
) -> None:
    """Take runs from `queue` and drive them, `concurrency` at a time, until `stop` is set.

    `name` is this worker's own among all workers of the database (default: host and process id); a living worker of
    the same name is refused. `rate` bounds how many runs of a queue begin, for all its workers together: `10/s`,
    `100/5m`. Concurrency and rate are kept with the queue: what the last worker said holds. When `stop` is set, no
    step begins any more, those under way have `drain` seconds, and what is not finished goes back into its queue.

    `world` are the keywords of `lev_os.core.bidirectional.driver.World`, the same for every flow; `make_world` makes
    them for a flow instead, as a context manager that is closed with the worker. `started` is set once runs are
    taken. One worker runs in a process at a time. Raises `NoDatabase`, `LevError` for a name that is taken, and
    `WorkerReplaced`.
    """
    from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

    from . import registered  # noqa: F401  # DBOS learns of our workflows

    queues = [names.checked_queue(each) for each in ([queue] if isinstance(queue, str) else queue)]
    limiter = _limiter(rate)
    kept = await asyncio.to_thread(open_database, database)
    called = name or f"{socket.gethostname()}-{os.getpid()}"
    executor_id = f"{called}#{secrets.token_hex(4)}"
    beat = Beat(kept, called, executor_id, queues)
    await asyncio.to_thread(beat.take_name)
    stop = stop or asyncio.Event()
    host = Host(kept, make_world or _same(world), executor_id=executor_id, folder=files_folder())
    _quiet()
    DBOS(
        config=DBOSConfig(
            name=names.APPLICATION,
            application_version=names.VERSION,
            executor_id=executor_id,
            system_database_url=kept.url,
            system_database_engine=kept.engine,
            serializer=DBOSPortableJSONSerializer(),
            log_level="CRITICAL",
            enable_otlp=False,
            scheduler_polling_interval_sec=_SCHEDULES,
        )
    )
    everything = [*queues, *map(names.effects_queue, queues), names.SYSTEM_QUEUE]
    DBOS.listen_queues(everything)
    serve(host)
    try:
        DBOS.launch()
        for each in everything:
            ours = each in queues
            await DBOS.register_queue_async(
                each,
                worker_concurrency=concurrency if ours else None,
                limiter=limiter if ours else None,
                polling_interval_sec=_POLLING if ours else _ANSWERS if each == names.SYSTEM_QUEUE else _RARELY,
                on_conflict="always_update",
            )
        beat.start()
        if started is not None:
            started.set()
        await _until(stop, beat, host)
        await _drained(host, drain)
    finally:
        serve(None)
        await host.close()
        with ThreadPoolExecutor(1) as apart:  # DBOS takes the loop's own threads with it
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(apart, DBOS.destroy)
            await loop.run_in_executor(apart, beat.stop)
            loop.set_default_executor(ThreadPoolExecutor())
    if beat.replaced:
        raise WorkerReplaced(f"another worker has taken the name {called}", help="give each worker a --name of its own")


async def _until(stop: asyncio.Event, beat: Beat, host: Host) -> None:
    """Until the worker is to stop. Meanwhile runs hear that somebody wants them to end, and none is left lying."""
    fallen: set[str] = set()
    look = 0
    while not stop.is_set() and not beat.replaced:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH)
        look += 1
        try:
            await _hear(host)
            if look % _PATIENCE == 0:
                fallen = await _pick_up(host, fallen)
        except Exception as error:  # whatever a database that has gone makes its driver say
            log.warning("looking after the runs: %s", error)


async def _hear(host: Host) -> None:
    active = [run for run in host.active if run not in host.wanted_end]
    if active:
        for run, reason in (await asyncio.to_thread(rows.wanted_ends, host.database, active)).items():
            host.wants_end(run, reason)


async def _pick_up(host: Host, before: set[str]) -> set[str]:
    """Put back what is under way here by its row and not in fact, twice in a row: its last write has failed."""
    mine = await asyncio.to_thread(
        host.client.list_workflows,
        status="PENDING",
        executor_id=host.executor_id,
        load_input=False,
        load_output=False,
    )
    lost = {
        row.workflow_id: row
        for row in mine
        if row.workflow_id not in host.active and row.workflow_id not in host.effects
    }
    again = before & lost.keys()
    for name in again:
        log.warning("%s is put back: it could not be written down", name)
        await asyncio.to_thread(rows.put_back, host.database, lost[name])
    return lost.keys() - again


async def _drained(host: Host, seconds: float) -> None:
    """Let what is under way come to its end, and give back the rest."""
    host.draining.set()
    deadline = asyncio.get_running_loop().time() + seconds
    while (host.active or host.effects) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.05)
    left = await asyncio.to_thread(
        host.client.list_workflows,
        status="PENDING",
        executor_id=host.executor_id,
        load_input=False,
        load_output=False,
    )
    for row in left:
        await asyncio.to_thread(host.client.resume_workflow, row.workflow_id, queue_name=rows.queue_of(row))


def _limiter(rate: str | None) -> Any:
    if rate is None:
        return None
    found = _RATE.fullmatch(rate)
    if found is None:
        raise LevError(f"{rate!r} is not a rate", help="10/s, 100/m, 100/5m or 5000/h")
    return {"limit": int(found[1]), "period": int(found[2] or 1) * _SECONDS[found[3]]}


def _same(world: World) -> MakeWorld:
    @contextmanager
    def make(linked: LinkedFlow) -> Iterator[World]:
        yield _with_package(world, linked)

    def made(linked: LinkedFlow) -> AbstractContextManager[World]:
        return make(linked)

    return made


def _with_package(world: World, linked: LinkedFlow) -> World:
    from lev_os.core.packaging import find

    found = World(**world)
    if "package" not in found:
        with contextlib.suppress(LevError):  # a flow of no package, or one that is not installed: its text is pinned
            found["package"], _ = find(linked.specifier)
    return found


def _quiet() -> None:
    """DBOS logs every run that fails with a traceback; what came of runs is in the database."""
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
