"""The rows of DBOS as far as we read and write them: runs, their steps, answers and alarms. Blocking."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from lev_os.core.errors import LevError

from . import names
from .course import Arrival, Order, is_input
from .database import wishes

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus

    from .database import Database

OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
BEGUN = ["ENQUEUED", "PENDING", *OVER]
RECOVERIES = 20
"""A run that has taken so many workers with it is ended instead of being taken up again."""
_PAGE = 5000
PARKED = "CANCELLED"
"""A run that waits for others; what a person has cancelled is an outcome, and so an error in the words of DBOS."""


class UnknownRun(LevError):
    """There is no such run in the database."""


def row(client: DBOSClient, run: str, *, whole: bool = False) -> WorkflowStatus:
    """A run's row, `whole` with what it began with and what came of it. Raises `UnknownRun`."""
    found = client.list_workflows(workflow_ids=[run], name=names.RUN, load_input=whole, load_output=whole)
    if not found:
        raise UnknownRun(f"there is no run {run} in the database", help="`lev runs list` shows the runs there are")
    return found[0]


def order(client: DBOSClient, run: str) -> Order:
    """What a run began with."""
    return order_of(row(client, run, whole=True))


def order_of(found: WorkflowStatus) -> Order:
    """What the run of a whole row began with; raises `LevError` when it cannot be read."""
    given = found.input
    if not isinstance(given, dict) or not given["args"]:
        raise LevError(f"what run {found.workflow_id} began with cannot be read", help="the database was changed")
    read: Order = given["args"][0]
    if (refused := read.get("refused")) is not None:
        raise LevError(
            f"run {found.workflow_id} could not begin: {refused}", help="mend its flow, or add the schedule anew"
        )
    return read


def arrivals(client: DBOSClient, run: str) -> list[Arrival]:
    """What a run's steps have recorded, in order; the first says when it began."""
    found = []
    for step in client.list_workflow_steps(run):
        output = step["output"]
        if isinstance(output, dict) and ("began" in output or is_input(output)):
            found.append(output)
    return found


def over(client: DBOSClient, ids: Sequence[str]) -> bool:
    """Whether one of them has come to something."""
    return bool(_any(client, ids, OVER))


def begun(client: DBOSClient, ids: Sequence[str]) -> bool:
    """Whether one of them is there and not only due later."""
    return bool(_any(client, ids, BEGUN))


def begun_among(client: DBOSClient, ids: Sequence[str]) -> set[str]:
    """Which of them are there and not only due later."""
    pages = (ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE))
    return {
        found.workflow_id
        for page in pages
        for found in client.list_workflows(workflow_ids=list(page), status=BEGUN, load_input=False, load_output=False)
    }


def _any(client: DBOSClient, ids: Sequence[str], status: list[str]) -> list[WorkflowStatus]:
    return client.list_workflows(workflow_ids=list(ids), status=status, limit=1, load_input=False, load_output=False)


def answer(client: DBOSClient, own: str, run: str, value: Any, at: float) -> bool:
    """Write what somebody says under an id; False when something was said under it already."""
    from dbos import error

    try:
        client.enqueue(
            {
                "workflow_name": names.ANSWER,
                "queue_name": names.SYSTEM_QUEUE,
                "workflow_id": own,
                "workflow_id_reuse_policy": "reject",
                "app_version": names.VERSION,
            },
            run,
            value,
            at,
        )
    except error.DBOSWorkflowIDInUseError:
        return False
    return True


def alarm(client: DBOSClient, own: str, run: str, seconds: float) -> None:
    """Wake a run after so many seconds, once for each id."""
    client.enqueue(
        {
            "workflow_name": names.ALARM,
            "queue_name": names.SYSTEM_QUEUE,
            "workflow_id": own,
            "app_version": names.VERSION,
            "delay_seconds": max(0.0, seconds),
        },
        run,
    )


def wanted_ends(database: Database, runs: Sequence[str]) -> dict[str, str]:
    """Which of these runs somebody wants to end, and why."""
    with database.begin() as connection:
        found = connection.execute(sa.select(wishes.c.run, wishes.c.reason).where(wishes.c.run.in_(runs)))
        return {row.run: row.reason for row in found}


def want_end(database: Database, run: str, reason: str) -> bool:
    """Write down that a run is to end, and wake it; False when that was wished before."""
    try:
        with database.begin() as connection:
            connection.execute(sa.insert(wishes).values(run=run, reason=reason))
    except sa.exc.IntegrityError:
        first = False
    else:
        first = True
    answer(database.client, names.cancel(run), run, reason, time.time())
    return first


def wake(client: DBOSClient, run: str) -> None:
    """Put a parked run into its queue; one that is held only when it is to end."""
    try:
        found = row(client, run)
    except UnknownRun:
        return  # deleted meanwhile
    if found.status != PARKED:
        return
    attributes = found.attributes or {}
    if attributes.get("held") and not begun(client, [names.cancel(run)]):
        return
    client.resume_workflow(run, queue_name=attributes["queue"])


def put_back(database: Database, found: WorkflowStatus) -> None:
    """Put what was under way on a worker that is gone into its queue; a run that kills them all is to end."""
    if found.name == names.RUN:
        deaths = int((found.attributes or {}).get("deaths", 0)) + 1
        database.client.update_workflow_attributes(found.workflow_id, {"deaths": deaths}, merge=True)
        if deaths > RECOVERIES:
            want_end(database, found.workflow_id, f"its worker has died {deaths} times while it ran")
    database.client.resume_workflow(found.workflow_id, queue_name=queue_of(found))


def queue_of(row: WorkflowStatus) -> str:
    """The queue on which a workflow of ours is taken up again."""
    if row.name in (names.ANSWER, names.ALARM):
        return names.SYSTEM_QUEUE
    if row.name == names.SCHEDULED:
        return str(row.queue_name)
    queue: str = (row.attributes or {}).get("queue", names.DEFAULT_QUEUE)
    return names.effects_queue(queue) if row.name == names.EFFECT else queue
