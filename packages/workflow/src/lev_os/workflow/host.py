"""What a worker process has for the runs it drives: packages, models, executors, and how an effect is carried out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core import canonical
from lev_os.core.bidirectional.driver import World
from lev_os.core.bidirectional.effects import Effect, Failure
from lev_os.core.bidirectional.executor import Executor, cards
from lev_os.core.bidirectional.resuming import added_since, current_version
from lev_os.core.errors import LevError

from . import rows
from .course import Arrival, Order
from .files import FileStore

if TYPE_CHECKING:
    from dbos import WorkflowHandleAsync
    from lev_os.core.constitutional import Constitution
    from lev_os.core.flowmind.link import LinkedFlow

    from .database import Database

MakeWorld = Callable[["LinkedFlow"], AbstractContextManager[World]]
_FLOWS = 64
_LOOK_AGAIN = 5.0
"""Seconds for which what a package says now is believed."""
_ERRANDS = 5.0
_ORIGIN = time.time() - time.monotonic()

log = logging.getLogger("lev_os.workflow")


def now() -> float:
    """Seconds since the epoch by a clock that never runs backwards within a process."""
    return _ORIGIN + time.monotonic()


class Host:
    """One for each worker process. `draining` is set when it takes no more steps."""

    def __init__(self, database: Database, make_world: MakeWorld, *, executor_id: str, folder: Path) -> None:
        self.database = database
        self.executor_id = executor_id
        self.client = database.client
        self.files = FileStore(database, folder)
        self.draining = asyncio.Event()
        self.wanted_end: dict[str, str] = {}
        """Runs that somebody wants to end, with the reason."""
        self.active: dict[str, object] = {}
        """The runs that are driven here, each by one execution."""
        self.stoppable: dict[str, asyncio.Task[Any]] = {}
        """By run, the step that is stopped by cancelling its task."""
        self.effects: dict[str, asyncio.Task[Any]] = {}
        """Effects under way beside others, by their ids."""
        self.carried = 0
        self._errands: set[asyncio.Future[None]] = set()
        self._unlooked: list[str] = []
        self._next_look: asyncio.Future[None] | None = None
        self._looking = asyncio.Lock()
        self._make_world = make_world
        self._exits = ExitStack()
        self._flows: OrderedDict[str, LinkedFlow] = OrderedDict()
        self._worlds: dict[str, World] = {}
        self._latest: dict[str, tuple[float, LinkedFlow | None]] = {}

    async def close(self) -> None:
        """Close what the packages' tools were given."""
        if self._errands:
            await asyncio.wait(self._errands, timeout=_ERRANDS)
        self._exits.close()

    # -- rows ----------------------------------------------------------------------------------------------

    async def order(self, run: str) -> Order:
        """What a run began with, read from the database."""
        return await asyncio.to_thread(rows.order, self.client, run)

    async def arrivals(self, run: str) -> list[Arrival]:
        """What a run has recorded."""
        return await asyncio.to_thread(rows.arrivals, self.client, run)

    async def over(self, ids: list[str]) -> bool:
        """Whether one of them has come to something."""
        return await asyncio.to_thread(rows.over, self.client, ids)

    async def result(self, own: str) -> Arrival:
        """What came of an effect, an answer or an alarm."""
        try:
            handle: WorkflowHandleAsync[Arrival] = await self.client.retrieve_workflow_async(own)
            return await handle.get_result()
        except Exception as error:  # whatever ended it, DBOS's own reasons included, is a failure of the effect
            failure = Failure(kind="tool", message=str(error) or type(error).__name__)
            return {"at": now(), "failure": msgspec.to_builtins(failure)}

    async def look_for_end(self, run: str) -> None:
        """Note whether somebody wants this run to end. Runs that begin while others are looked for share one look."""
        self._unlooked.append(run)
        if self._next_look is None or self._next_look.done():
            self._next_look = asyncio.ensure_future(self._look_for_ends())
        await asyncio.shield(self._next_look)

    async def _look_for_ends(self) -> None:
        async with self._looking:
            runs, self._unlooked, self._next_look = self._unlooked, [], None
            found = await asyncio.to_thread(rows.wanted_ends, self.database, runs)
        for run, reason in found.items():
            self.wants_end(run, reason)

    async def wake(self, run: str) -> None:
        """Put a parked run into its queue."""
        await asyncio.to_thread(rows.wake, self.client, run)

    async def alarm(self, own: str, run: str, at: float) -> None:
        """Wake a run at a time."""
        await asyncio.to_thread(rows.alarm, self.client, own, run, at - now())

    async def owns(self, run: str) -> bool:
        """Whether the run is still this worker's to drive."""
        found = await asyncio.to_thread(rows.row, self.client, run)
        return found.status == "PENDING" and found.executor_id == self.executor_id

    async def give_back(self, order: Order) -> None:
        """Put a run into its queue again, for another worker."""
        if await self.owns(order["run"]):
            await asyncio.to_thread(self.client.resume_workflow, order["run"], queue_name=order["queue"])

    async def park(self, order: Order, waits: list[dict[str, Any]], expected: list[str]) -> None:
        """Take a run out of the worker, until something that it expects arrives."""
        run = order["run"]
        if await self.owns(run):
            await asyncio.to_thread(self._cancel, run, {"waits": waits, "expects": expected, "held": None})
            # Who answers writes the answer first and then looks whether the run is parked: one of us sees the other.
            if await asyncio.to_thread(rows.begun, self.client, expected):
                await self.wake(run)

    async def hold(self, run: str, changed: dict[str, str]) -> None:
        """Take a run out of the worker until a person accepts that its tools have changed."""
        reason = f"tools have changed since the run began: {', '.join(changed)}"
        log.warning("run %s is held: %s", run, reason)
        if await self.owns(run):
            held = {"waits": [], "expects": [], "held": reason, "changed": changed}
            await asyncio.to_thread(self._cancel, run, held)

    def drop(self, own: str) -> None:
        """An effect is not wanted any more, wherever it is under way."""
        errand = asyncio.ensure_future(asyncio.to_thread(self.client.cancel_workflow, own))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)
        task = self.effects.get(own)
        if task is not None:
            errand.add_done_callback(lambda _: task.cancel())

    def _cancel(self, run: str, attributes: dict[str, Any]) -> None:
        self.client.update_workflow_attributes(run, attributes, merge=True)
        self.client.cancel_workflow(run)

    async def start_scheduled(self, at: datetime, given: dict[str, Any]) -> str:
        """Begin the run of a schedule's moment; one that cannot begin any more is a run that failed."""
        from .client import enqueue, order_for

        name, flow, input, queue = (given[key] for key in ("schedule", "flow", "input", "queue"))
        run = f"{name}-{at:%Y%m%dT%H%M%S}"
        try:
            order = await asyncio.to_thread(order_for, flow, input, queue=queue, run=run)
        except LevError as problem:
            log.warning("the run %s of schedule %s cannot begin: %s", run, name, problem)
            order = Order(run=run, flow=flow, digest="", pinned="", input=input, queue=queue, refused=problem.message)
        return await asyncio.to_thread(enqueue, self.database, order)

    # -- flows and their packages --------------------------------------------------------------------------

    async def flow_of(self, run: str, digest: str) -> LinkedFlow:
        """The flow of a run, by its digest if it is known here."""
        found = self._flows.get(digest)
        return self.linked(await self.order(run)) if found is None else found

    def linked(self, order: Order) -> LinkedFlow:
        """The flow of an order, read once for all its runs."""
        from lev_os.core.flowmind.link import LinkedFlow

        digest = order["digest"]
        found = self._flows.get(digest)
        if found is None:
            found = LinkedFlow.from_pinned(canonical.decode(order["pinned"]))
            if found.digest != digest:
                raise LevError(f"the flow of run {order['run']} is not what its digest says", help="start it anew")
            self._flows[digest] = found
            if len(self._flows) > _FLOWS:
                self._flows.popitem(last=False)
        self._flows.move_to_end(digest)
        return found

    def world(self, linked: LinkedFlow) -> World:
        """What the tools, models and judges of a flow's package are; made once for each package."""
        name = linked.package or ""
        world = self._worlds.get(name)
        if world is None:
            world = self._worlds[name] = self._exits.enter_context(self._make_world(linked))
        return world

    def executor(self, linked: LinkedFlow, run: str) -> Executor:
        """What carries out the effects of a run."""
        return Executor(linked, run, folder=self.files.folder(run), **self.world(linked))

    def latest(self, linked: LinkedFlow) -> LinkedFlow | None:
        """The flow as its package has it now, if there is one."""
        at, found = self._latest.get(linked.specifier, (0.0, None))
        if at + _LOOK_AGAIN > time.monotonic():
            return found
        world = self.world(linked)
        try:
            found, _ = current_version(linked.specifier, None, world.get("tools"), world.get("package"))
        except LevError as error:
            log.warning("%s cannot be read as it is now: %s", linked.specifier, error.message)
            found = None
        self._latest[linked.specifier] = time.monotonic(), found
        return found

    def added(self, linked: LinkedFlow, known: list[list[Constitution]]) -> list[Constitution]:
        """The constitutions that hold now and that the run does not know."""
        return added_since(linked, self.latest(linked), known)

    def changed_tools(self, linked: LinkedFlow) -> dict[str, str]:
        """The tools of a run that are declared otherwise now, with the digests of their cards as they are now."""
        latest = self.latest(linked)
        if latest is None or latest.digest == linked.digest:
            return {}
        present = cards(latest)
        return {
            name: present[name].digest
            for name, card in sorted(cards(linked).items())
            if name in present and present[name].digest != card.digest
        }

    async def accepted(self, run: str, changed: dict[str, str]) -> bool:
        """Whether a person has said that a run may go on with these tools as they are now."""
        found = await asyncio.to_thread(rows.row, self.client, run)
        known = (found.attributes or {}).get("accepted") or {}
        return all(known.get(name) == digest for name, digest in changed.items())

    # -- effects -------------------------------------------------------------------------------------------

    async def carry_out(self, effect: Effect, executor: Executor, run: str, *, since: float) -> Arrival:
        """What comes of an effect that left at `since`, within its deadline: its `value` or its `failure`, and when."""
        await self.files.fetch(effect.request)
        value = await _in_time(effect, executor, since)
        self.carried += 1
        named = {"key": effect.key, "attempt": effect.attempt, "at": now()}
        if isinstance(value, Failure):
            return {**named, "failure": msgspec.to_builtins(value)}
        await self.files.keep(run, value)
        return {**named, "value": value}

    def wants_end(self, run: str, reason: str) -> None:
        """Somebody wants a run to end; what it does here is stopped."""
        self.wanted_end[run] = reason
        if (task := self.stoppable.get(run)) is not None:
            task.cancel()

    @contextlib.contextmanager
    def driving(self, run: str) -> Iterator[None]:
        """While a run is driven here."""
        self.active[run] = mine = object()
        try:
            yield
        finally:
            if self.active.get(run) is mine:
                del self.active[run]
                self.wanted_end.pop(run, None)


async def _in_time(effect: Effect, executor: Executor, since: float) -> Any:
    remaining = None
    if effect.kind == "sleep":
        remaining = max(0.0, since + effect.request["seconds"] - now())
    if effect.deadline is None:
        return await executor.carry_out(effect, remaining=remaining)
    left = effect.deadline - now()
    if left <= 0:
        return timed_out(effect)
    try:
        return await asyncio.wait_for(executor.carry_out(effect, remaining=remaining), left)
    except TimeoutError:
        return timed_out(effect)


def timed_out(effect: Effect) -> Failure:
    """What a machine is told of an effect whose time is over."""
    return Failure(kind="timeout", message=f"no result in time from {effect.request.get('name') or effect.kind}")


_host: Host | None = None


def serve(host: Host | None) -> None:
    """Drive the runs of this process with `host`; None when it is over."""
    global _host
    _host = host


def hosted() -> Host:
    """What this process drives runs with."""
    if _host is None:
        raise AssertionError("a run was taken up outside of a worker")
    return _host
