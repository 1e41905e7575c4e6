"""Schedules: a flow that is begun at the times of a cron expression, in a time zone. DBOS keeps and fires them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core.errors import LevError

from . import names
from .client import order_for
from .database import Database, open_database

if TYPE_CHECKING:
    from dbos import WorkflowSchedule

_FIELDS = 6


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A flow's times. `missed`: whether times that no worker was there for are made up for (`run`) or left out."""

    name: str
    flow: str
    cron: str
    zone: str
    queue: str
    missed: str
    input: dict[str, Any]
    last: str | None = None


def add_schedule(
    name: str,
    flow: str,
    cron: str,
    input: Mapping[str, Any] | None = None,
    *,
    zone: str = "UTC",
    queue: str = "default",
    missed: str = "skip",
    database: str | Database | None = None,
) -> Schedule:
    """Begin `flow` at the times of `cron` (five fields, or six with seconds first), as the clocks of `zone` go.

    A moment's run is named after schedule and moment, so that it is begun once, however many workers there are. The
    flow is taken as its package has it at that moment. With `missed="run"`, the moments that passed while no worker
    was there are made up for when one comes. Raises `LevError` for a name that is taken, for times that never come and
    for what cannot be read, and `InvalidInput` for a flow or an input that could not begin now.
    """
    from dbos import error

    if missed not in ("run", "skip"):
        raise LevError(f"{missed!r} is not a way to treat what was missed", help="run or skip")
    names.checked_run(name)
    _check_times(cron)
    order_for(flow, input, queue=queue)
    given = {"schedule": name, "flow": flow, "input": dict(input or {}), "queue": queue}
    kept = _opened(database)
    with kept.reached():
        if kept.client.get_schedule(name) is not None:
            raise LevError(
                f"there is a schedule {name} already",
                help=f"`lev schedule remove {name}` first, or choose another name",
            )
        try:
            kept.client.create_schedule(
                schedule_name=name,
                workflow_name=names.SCHEDULED,
                schedule=cron,
                context=given,
                cron_timezone=zone,
                automatic_backfill=missed == "run",
                queue_name=queue,
            )
        except error.DBOSException as problem:
            raise LevError(f"schedule {name}: {problem}", help="zones are named as in `Europe/Berlin`") from None
    return Schedule(name=name, flow=flow, cron=cron, zone=zone, queue=queue, missed=missed, input=dict(input or {}))


def list_schedules(*, database: str | Database | None = None) -> list[Schedule]:
    """Every schedule of a database, by name."""
    kept = _opened(database)
    with kept.reached():
        found = kept.client.list_schedules()
    return sorted((_read(each) for each in found if each["workflow_name"] == names.SCHEDULED), key=lambda s: s.name)


def remove_schedule(name: str, *, database: str | Database | None = None) -> None:
    """Begin nothing by this schedule any more; raises `LevError` when there is none."""
    kept = _opened(database)
    with kept.reached():
        if kept.client.get_schedule(name) is None:
            raise LevError(f"there is no schedule {name}", help="`lev schedule list` shows those there are")
        kept.client.delete_schedule(name)


def _check_times(cron: str) -> None:
    """Raise `LevError` for what is no cron expression, and for one whose times never come, as 31 February."""
    from croniter import CroniterError, croniter  # type: ignore[import-untyped]  # it ships none

    try:
        if len(cron.split()) > _FIELDS:
            raise CroniterError("it has more than six fields")
        croniter(cron, second_at_beginning=True).get_next()
    except CroniterError as problem:
        raise LevError(
            f"{cron!r} is not the cron expression of any time: {problem}",
            help="for example `0 8 * * MON-FRI`: minute, hour, day, month, day of the week",
        ) from None


def _read(found: WorkflowSchedule) -> Schedule:
    given: Any = found["context"]
    return Schedule(
        name=found["schedule_name"],
        flow=given["flow"],
        cron=found["schedule"],
        zone=found["cron_timezone"] or "UTC",
        queue=given["queue"],
        missed="run" if found["automatic_backfill"] else "skip",
        input=given["input"],
        last=found["last_fired_at"],
    )


def _opened(database: str | Database | None) -> Database:
    return database if isinstance(database, Database) else open_database(database)
