"""Begin durable runs, speak to them, end them. Whoever calls this runs no work: workers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lev_os.core.bidirectional.places import new_run
from lev_os.core.bidirectional.resuming import linked_flow
from lev_os.core.errors import LevError
from lev_os.core.flowmind.model import Wait
from lev_os.core.flowmind.walk import walk

from . import names, rows, tracing
from .course import Course, Order
from .database import Database, asking, open_database
from .runs import RunState, look, rebuild, state_of

if TYPE_CHECKING:
    from dbos import EnqueueOptions
    from lev_os.core.flowmind import Flow
    from lev_os.core.flowmind.link import LinkedFlow


_LAST = 2**31 - 1
_FAR = 1e10
"""Seconds beyond which there is no date."""


class NotSent(LevError):
    """What was said cannot reach the run any more, or not yet, or does not fit."""


async def start(
    spec: str | Flow | LinkedFlow,
    input: Mapping[str, Any] | None = None,
    *,
    queue: str = names.DEFAULT_QUEUE,
    run: str | None = None,
    priority: int | None = None,
    deduplicate: str | None = None,
    delay: float | None = None,
    database: str | Database | None = None,
) -> str:
    """Put a run of a flow into a queue; returns its name. The flow as it is now travels with the run.

    `spec` is the name of a flow, or a flow. `run` names the run: the same name again is the same run, not a second
    one. `priority`: 1 goes before 2; none goes before any. While a run with the same `deduplicate` is in the queue or
    at work, another is refused with `LevError`. `delay` in seconds. Raises `InvalidInput` for a flow or an input that
    does not fit, and `NoDatabase`.
    """
    order = await asyncio.to_thread(order_for, spec, input, queue=queue, run=run)
    return await asyncio.to_thread(
        enqueue, _opened(database), order, priority=priority, deduplicate=deduplicate, delay=delay
    )


def order_for(
    spec: str | Flow | LinkedFlow, input: Mapping[str, Any] | None, *, queue: str, run: str | None = None
) -> Order:
    """The order of a run of a flow or of the name of one; raises as `start`."""
    linked, _ = linked_flow(spec, None)
    return ordered(linked, input or {}, queue=queue, run=run)


def ordered(linked: LinkedFlow, input: Mapping[str, Any], *, queue: str, run: str | None) -> Order:
    """The order of a run; raises `InvalidInput` for an input that does not fit."""
    order = Order(
        run=names.checked_run(run or new_run()),
        flow=linked.specifier,
        digest=linked.digest,
        pinned=bytes(linked.pinned_json).decode(),
        input=dict(input),
        queue=names.checked_queue(queue),
    )
    if trace := tracing.carrier():
        order["trace"] = trace
    Course(order, linked).begin(time.time())  # says what does not fit before anything is written
    return order


@asking
def enqueue(
    database: Database,
    order: Order,
    *,
    priority: int | None = None,
    deduplicate: str | None = None,
    delay: float | None = None,
) -> str:
    """Write an order into its queue; returns the name of the run."""
    from dbos import error

    if priority is not None and not 1 <= priority <= _LAST:
        raise LevError(f"{priority} is not a priority", help="a whole number from 1, which goes before 2")
    if delay is not None and not 0 <= delay < _FAR:
        raise LevError(f"{delay} is not a delay", help="seconds, from 0")
    options: EnqueueOptions = {
        "workflow_name": names.RUN,
        "queue_name": order["queue"],
        "workflow_id": order["run"],
        "app_version": names.VERSION,
        "attributes": {"flow": order["flow"], "queue": order["queue"]},
    }
    if priority is not None:
        options["priority"] = priority
    if deduplicate is not None:
        options["deduplication_id"] = deduplicate
    if delay is not None:
        options["delay_seconds"] = delay
    try:
        database.client.enqueue(options, order)
    except error.DBOSQueueDeduplicatedError:
        raise LevError(
            f"a run with the deduplication id {deduplicate!r} is in the queue {order['queue']} already",
            help="wait until it ends, or leave the id out",
        ) from None
    return order["run"]


async def send(
    run: str, name: str, value: Any = None, *, wait: str | None = None, database: str | Database | None = None
) -> bool:
    """Say something to a run's wait called `name`; returns whether this was the first answer to that very wait.

    A message to a wait that is not open yet is kept until it is: each message answers one wait of that name, in the
    order in which they were sent. An approval that a principle has asked for is different: it holds for what was
    shown, so it has to be open. `wait` is the key of an open wait (or its beginning), where several have one name.
    Raises `NotSent` when the run has ended, or when the value does not fit an open wait; `UnknownRun`.
    """
    return await asyncio.to_thread(_send, _opened(database), run, name, value, wait)


async def cancel(run: str, reason: str = "cancelled", *, database: str | Database | None = None) -> bool:
    """Wish that a run ends; False when it has ended, or somebody has wished it before. What it does now is stopped."""
    return await asyncio.to_thread(_cancel, _opened(database), run, reason)


async def resume(run: str, *, accept_change: bool = False, database: str | Database | None = None) -> str:
    """Put a run that stands still back into its queue: one that is held, or whose worker is gone. Returns its status.

    `accept_change`: it may go on with its tools as they are declared now. Raises `UnknownRun`.
    """
    return await asyncio.to_thread(_resume, _opened(database), run, accept_change)


async def fork(
    run: str, *, at: str, name: str | None = None, queue: str | None = None, database: str | Database | None = None
) -> str:
    """Begin a new run that takes over what `run` had recorded before `at`, and goes on by itself from there.

    `at` is the id or path of a step that has been done or is open now, or the number of the recorded result to leave
    out first (from 1). What is taken over is not done again; everything after it is, with keys of the new run. Returns
    its name. Raises `LevError`.
    """
    from .forking import forked

    kept = _opened(database)
    order = await asyncio.to_thread(forked, kept, run, at, name, queue)
    return await asyncio.to_thread(enqueue, kept, order)


async def result(
    run: str, *, timeout: float | None = None, waiting: bool = False, database: str | Database | None = None
) -> RunState:
    """How a run stands once it has ended, or with `waiting` once it waits for somebody.

    Raises `TimeoutError` after so many seconds, and `UnknownRun`.
    """
    kept = _opened(database)
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = 0.05
    while True:
        state = await asyncio.to_thread(look, kept, run)
        if state.is_over or (waiting and state.status in ("waiting", "held")):
            return state
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"run {run} is {state.status}")
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 1.3)


def _opened(database: str | Database | None) -> Database:
    return database if isinstance(database, Database) else open_database(database)


@asking
def _send(database: Database, run: str, name: str, value: Any, wait: str | None) -> bool:
    found = rows.row(database.client, run, whole=True)
    state = state_of(found)
    if state.is_over:
        raise NotSent(f"run {run} is {state.status}", help="nothing reaches a run that has ended")
    course, _ = rebuild(database, found)
    open_waits = [effect for effect in course.machine.effects if effect.kind == "wait"]
    fitting = [
        effect
        for effect in open_waits
        if effect.request.get("name") == name and (wait is None or effect.key.startswith(wait))
    ]
    if len(fitting) > 1 and wait is not None:
        raise NotSent(f"several waits of run {run} have a key that begins with {wait}", help="write more of the key")
    approvals = [effect for effect in fitting if effect.request.get("purpose") == "approval"]
    if wait is None and len(fitting) > 1 and approvals:
        raise NotSent(f"run {run} waits for several approvals", help="say which one by its key")
    at = time.time()
    if not fitting:
        if wait is not None or name not in waits_of(course.machine.linked):
            raise NotSent(
                f"run {run} does not wait for {wait or name}", help=f"`lev runs show {run}` shows what it waits for"
            )
        return _signal(database, run, name, value, at)
    effect = fitting[0]
    attempt = course.machine.submit(effect.token, value, at=course.machine.now)
    if attempt.reply == "invalid":
        raise NotSent(f"the answer does not fit: {'; '.join(attempt.problems)}", help="the wait is still open")
    return rows.answer(database.client, names.beside(run, effect.key, effect.attempt), run, value, at)


def waits_of(linked: LinkedFlow) -> set[str]:
    """The names of the waits of a flow, and of the flows it runs."""
    own = {step.name for step in walk(linked.tree.steps) if isinstance(step, Wait)}
    return own.union(*map(waits_of, linked.flows.values()))


def _signal(database: Database, run: str, name: str, value: Any, at: float) -> bool:
    number = 0
    while not rows.answer(database.client, names.signal(run, name, number), run, value, at):
        number += 1
    return True


@asking
def _cancel(database: Database, run: str, reason: str) -> bool:
    state = state_of(rows.row(database.client, run, whole=True))
    if state.is_over:
        return False
    return rows.want_end(database, run, reason)


@asking
def _resume(database: Database, run: str, accept_change: bool) -> str:
    found = rows.row(database.client, run, whole=True)
    state = state_of(found)
    if state.is_over and state.status != "dead":
        return state.status
    attributes = found.attributes or {}
    if accept_change:
        changes = {"accepted": attributes.get("changed"), "held": None}
        database.client.update_workflow_attributes(run, changes, merge=True)
    elif attributes.get("held"):
        raise NotSent(f"run {run} is held: {attributes['held']}", help="look at it, then resume with --accept-change")
    if state.status in ("waiting", "sleeping", "held", "dead"):
        database.client.resume_workflow(run, queue_name=attributes["queue"])
    return state_of(rows.row(database.client, run, whole=True)).status
