"""Durable runs as people see them: listed, described, and with the journal that their rows amount to."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core import canonical
from lev_os.core.bidirectional.effects import Record
from lev_os.core.bidirectional.journal import Journal
from lev_os.core.errors import LevError
from lev_os.core.flowmind.link import LinkedFlow

from . import names, rows
from .course import Course, rebuilt
from .database import Database, asking, files, wishes

if TYPE_CHECKING:
    from dbos import WorkflowStatus

STATUSES = ("queued", "running", "waiting", "sleeping", "held", "done", "failed", "denied", "cancelled", "dead")
_OVER = frozenset({"done", "failed", "denied", "cancelled", "dead"})
_ROWS: dict[str, list[str]] = {
    "queued": ["ENQUEUED", "DELAYED", rows.PARKED],
    "running": ["PENDING"],
    "waiting": [rows.PARKED],
    "sleeping": [rows.PARKED],
    "held": [rows.PARKED],
    "done": ["SUCCESS"],
    "failed": ["ERROR"],
    "denied": ["ERROR"],
    "cancelled": ["ERROR"],
    "dead": ["MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR"],
}


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands. `waits` says for whom, `reason` why it stands still or has failed; times are Unix seconds."""

    run: str
    flow: str | None
    status: str
    queue: str
    started: float
    updated: float
    step: str | None = None
    output: Any = None
    reason: str | None = None
    waits: tuple[dict[str, Any], ...] = ()
    worker: str | None = None
    deaths: int = 0
    """How often its worker has died while it ran."""

    @property
    def is_over(self) -> bool:
        return self.status in _OVER


def state_of(row: WorkflowStatus, arrived: Collection[str] = ()) -> RunState:
    """How the run of a row stands, from a row that was read whole; `arrived` is what has come and is not yet heard."""
    attributes = row.attributes or {}
    status, output = row.status, None
    reason: str | None = None
    waits: Sequence[dict[str, Any]] = ()
    if status in ("ENQUEUED", "DELAYED"):
        said = "queued"
    elif status == "PENDING":
        said = "running"
    elif status == rows.PARKED:
        waits = [
            wait
            for wait in attributes.get("waits") or ()
            if wait["kind"] == "wait" and names.beside(row.workflow_id, wait["key"], wait["attempt"]) not in arrived
        ]
        woken = any(own in arrived for own in _expected(row))
        reason = None if woken else attributes.get("held")
        said = "queued" if woken else "held" if reason else "waiting" if waits else "sleeping"
    elif status == "SUCCESS":
        said, output = "done", (row.output or {}).get("output")
    elif status == "ERROR":
        said, reason = _failed(row.error)
    else:
        said, reason = "dead", "its worker has died too often"
    return RunState(
        run=row.workflow_id,
        flow=attributes.get("flow"),
        status=said,
        queue=str(attributes.get("queue") or row.queue_name or ""),
        started=(row.created_at or 0) / 1000,
        updated=(row.updated_at or row.created_at or 0) / 1000,
        output=output,
        reason=reason,
        waits=tuple(waits),
        worker=(row.executor_id or "").partition("#")[0] or None if said == "running" else None,
        deaths=int(attributes.get("deaths", 0)),
    )


def _expected(row: WorkflowStatus) -> list[str]:
    """The ids under which something may come that wakes a parked run."""
    return [*((row.attributes or {}).get("expects") or ()), names.cancel(row.workflow_id)]


def _arrived(database: Database, read: Iterable[WorkflowStatus]) -> set[str]:
    """What has come for the parked ones among these rows; a worker wakes them as soon as it looks."""
    return rows.begun_among(
        database.client, [own for row in read if row.status == rows.PARKED for own in _expected(row)]
    )


def _failed(error: Any) -> tuple[str, str]:
    data = getattr(error, "data", None)
    if isinstance(data, dict) and data.get("status") in _OVER:
        return str(data["status"]), str((data.get("error") or {}).get("message") or error)
    return "dead", f"{getattr(error, 'name', type(error).__name__)}: {error}"


@asking
def look(database: Database, run: str) -> RunState:
    """How one run stands; raises `UnknownRun`."""
    row = rows.row(database.client, run, whole=True)
    return state_of(row, _arrived(database, [row]))


@asking
def answered(database: Database, run: str, waits: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Which of these open waits, each with its `key` and `attempt`, somebody has answered already."""
    ids = {names.beside(run, wait["key"], wait["attempt"]): wait for wait in waits}
    return [ids[own] for own in rows.begun_among(database.client, list(ids))]


@asking
def list_states(
    database: Database,
    *,
    status: str | None = None,
    flow: str | None = None,
    queue: str | None = None,
    limit: int | None = None,
    steps: bool = True,
) -> list[RunState]:
    """The runs of a database, newest first. With `steps`, each says which step it came to last."""
    found: list[RunState] = []
    wanted = {key: value for key, value in (("flow", flow), ("queue", queue)) if value is not None}
    said = wanted if status is None else {**wanted, "status": status}
    offset, page = 0, 500 if limit is None else max(limit, 50)
    while True:
        read = database.client.list_workflows(
            name=names.RUN,
            status=None if status is None else _ROWS[status],
            attributes=None if database.is_sqlite else wanted or None,  # DBOS filters by them on PostgreSQL alone
            sort_desc=True,
            limit=page,
            offset=offset,
            load_input=False,
        )
        arrived = _arrived(database, read)
        states = (state_of(row, arrived) for row in read)
        found += (state for state in states if all(getattr(state, key) == value for key, value in said.items()))
        offset += page
        if len(read) < page or (limit is not None and len(found) >= limit):
            break
    found = found[:limit]
    return [with_step(database, state) for state in found] if steps else found


@asking
def with_step(database: Database, state: RunState) -> RunState:
    """The same, with the step that the run came to last."""
    return msgspec.structs.replace(state, step=_step(database, state))


def _step(database: Database, state: RunState) -> str | None:
    """What a run waits for, else what it recorded last."""
    if state.waits:
        return ", ".join(str(wait["name"]) for wait in state.waits)
    recorded = [each for each in database.client.list_workflow_steps(state.run) if each["output"] is not None]
    return _step_name(recorded[-1]) if recorded else None


def _step_name(step: Any) -> str | None:
    output = step["output"]
    if isinstance(output, dict) and isinstance(output.get("step"), str):
        return str(output["step"])
    name = str(step["function_name"])
    return None if name.startswith(("lev.", "DBOS.")) else name


def rebuild(database: Database, row: WorkflowStatus) -> tuple[Course, list[Record]]:
    """The run of a whole row, brought to where its recorded steps end, and its journal's records."""
    order = rows.order_of(row)
    linked = LinkedFlow.from_pinned(canonical.decode(order["pinned"]))
    return rebuilt(order, linked, rows.arrivals(database.client, row.workflow_id))


@asking
def export(database: Database, run: str, path: Path) -> int:
    """Write a run's journal to a file that does not exist yet; returns the number of its records.

    It is the journal that the same run would have in a file, and read by the same commands. Raises `UnknownRun`,
    `Diverged`, and `LevError` for a run that has not begun.
    """
    _, records = rebuild(database, rows.row(database.client, run, whole=True))
    if not records:
        raise LevError(f"run {run} has not begun", help="a worker of its queue begins it: `lev worker`")
    with Journal.create(path) as journal:
        journal.append(records, sync=True)
    return len(records)


def dead_letters(database: Database, *, limit: int | None = None) -> list[RunState]:
    """The runs that did not come to their output, newest first, each with its reason."""
    kinds = ("failed", "denied", "dead")
    found = [state for kind in kinds for state in list_states(database, status=kind, limit=limit, steps=True)]
    return sorted(found, key=lambda state: state.started, reverse=True)[:limit]


@asking
def ended_before(database: Database, at: float) -> list[str]:
    """The runs that were over at a time, in seconds since the epoch."""
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    over = ["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
    found = database.client.list_workflows(
        name=names.RUN, status=over, completed_before=before, load_input=False, load_output=False
    )
    return [row.workflow_id for row in found]


@asking
def delete(database: Database, runs: Iterable[str]) -> int:
    """Delete runs that are over, with their effects, answers and files; returns how many there were."""
    import sqlalchemy as sa

    gone = [run for run in runs if look(database, run).is_over]
    for run in gone:
        own = database.client.list_workflows(workflow_id_prefix=f"{run}/", load_input=False, load_output=False)
        database.client.delete_workflows([*(row.workflow_id for row in own), run])
        with database.begin() as connection:
            connection.execute(sa.delete(files).where(files.c.run == run))
            connection.execute(sa.delete(wishes).where(wishes.c.run == run))
    return len(gone)
