"""The workflows that DBOS knows of besides effects: a run, what is said to it, and what time says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dbos import DBOS
from lev_os.core.bidirectional.effects import Failure, Outcome

from . import names
from .course import Arrival, Order
from .driver import Drive
from .ending import RunEnded, spared
from .host import hosted, now


@DBOS.workflow(name=names.RUN)
@spared
async def _run(order: Order) -> dict[str, Any]:
    host = hosted()
    if (refused := order.get("refused")) is not None:
        raise RunEnded(Outcome(status="failed", error=Failure(kind="invalid", message=refused, retryable=False)))
    with host.driving(order["run"]):
        return await Drive(host, order).to_the_end()


@DBOS.workflow(name=names.ANSWER)
@spared
async def _answer(run: str, value: Any, at: float) -> Arrival:
    """What somebody says to a run: an answer to a wait, a message, or the wish that it ends."""
    await DBOS.run_step_async({"name": "lev.wake"}, spared(hosted().wake), run)
    return {"at": at, "value": value}


@DBOS.workflow(name=names.ALARM)
@spared
async def _alarm(run: str) -> Arrival:
    """The end of a sleep or of a wait; it was enqueued with a delay."""
    await DBOS.run_step_async({"name": "lev.wake"}, spared(hosted().wake), run)
    return {"at": now(), "alarm": True}


@DBOS.workflow(name=names.SCHEDULED)
@spared
async def _scheduled(at: datetime, given: dict[str, Any]) -> str:
    """The moment of a schedule: its flow, as the package has it now, goes into its queue. Once for each moment."""
    return await DBOS.run_step_async({"name": "lev.start"}, spared(hosted().start_scheduled), at, given)
