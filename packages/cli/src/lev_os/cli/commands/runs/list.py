"""`lev runs list`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ...durable import database_option
from ...errors import UsageProblem
from ...options import json_option
from ...output import columns, print_json, print_line

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo
    from lev_os.workflow.database import Database

_LIMIT = 100
_DURABLE = ("queued", "sleeping", "held", "dead")
_STATUSES = ("waiting", "idle", "interrupted", "running", "done", "failed", "denied", "cancelled", "damaged", *_DURABLE)


@click.command("list")
@click.option("--status", type=click.Choice(_STATUSES), metavar="STATUS", help=f"Only these: {', '.join(_STATUSES)}.")
@click.option("--limit", type=click.IntRange(1), help="At most so many (durable runs: 100).")
@click.option("--flow", metavar="SPECIFIER", help="Only runs of this flow.")
@click.option("--queue", metavar="NAME", help="Only durable runs of this queue.")
@database_option
@json_option
def command(
    status: str | None, limit: int | None, flow: str | None, queue: str | None, database: str | None, as_json: bool
) -> None:
    """List the runs of this project, or those of a database, newest first.

    `waiting`: a person must act. `idle`: an MCP host has the next move. `interrupted`: `lev runs resume` goes on.
    Of durable runs, `sleeping` waits for a time, `held` for a person who looks at what has changed, and `dead` has
    taken too many workers with it.

    \b
    Examples:
      lev runs list
      lev runs list --status waiting --json
      lev runs list --database sqlite:///acme.db --queue refunds
    """
    from lev_os.core.bidirectional import list_runs

    from ...durable import database_of
    from ...held import status_of
    from ...project import runs_folder

    if (kept := database_of(database)) is not None:
        _list_durable(kept, status, flow, queue, limit, as_json)
        return
    if queue is not None:
        raise UsageProblem("--queue is for durable runs", help="give --database, or set LEV_DATABASE_URL")
    all_runs = ((info, status_of(info)) for info in list_runs(runs_folder()))
    runs = [
        (info, found)
        for info, found in all_runs
        if (status is None or found == status) and (flow is None or info.flow == flow)
    ][:limit]
    if as_json:
        print_json([_value(*run) for run in runs])
        return
    if not runs:
        print_line("no runs here" if status is None else f"no {status} runs here")
        return
    for line in columns((_row(*run) for run in runs), head=("run", "status", "started", "flow", "")):
        print_line(line)


def _list_durable(
    kept: Database, status: str | None, flow: str | None, queue: str | None, limit: int | None, as_json: bool
) -> None:
    from lev_os.workflow.runs import STATUSES, list_states

    from ...durable import state_value

    if status is not None and status not in STATUSES:
        raise UsageProblem(f"durable runs are never {status}", help=f"one of {', '.join(STATUSES)}")
    states = list_states(kept, status=status, flow=flow, queue=queue, limit=limit or _LIMIT)
    if as_json:
        print_json([state_value(state) for state in states])
        return
    if not states:
        print_line("no runs here" if status is None else f"no {status} runs here")
        return
    rows = ((s.run, s.status, _time(s.started), s.queue, s.flow or "", s.reason or s.step or "") for s in states)
    for line in columns(rows, head=("run", "status", "started", "queue", "flow", "")):
        print_line(line)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _value(info: RunInfo, status: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "run": info.run,
        "status": status,
        "flow": info.flow,
        "started": info.started,
        "updated": info.updated,
        "step": _step(info),
        "records": info.records,
        "journal": str(info.path),
        "waits": [{"name": wait.get("name"), "key": wait["key"], "about": wait.get("about")} for wait in info.waits],
    }
    return value if info.error is None else value | {"error": info.error}


def _step(info: RunInfo) -> str | None:
    """The place of the effect that left last."""
    from lev_os.core.bidirectional.replaying import describe

    effects = [entry for entry in describe(info.path)["entries"] if entry["type"] == "effect"]
    return effects[-1]["path"] if effects else None


def _row(info: RunInfo, status: str) -> tuple[str, ...]:
    waits = ", ".join(str(wait.get("name")) for wait in info.waits)
    told = (info.error or "").splitlines()[0] if info.error else waits and f"waits for {waits}"
    return info.run, status, _time(info.started), info.flow or "", told
