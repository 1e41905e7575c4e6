"""`lev runs list`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ...options import json_option
from ...output import columns, print_json, print_line

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo

_STATUSES = ("waiting", "idle", "interrupted", "running", "done", "failed", "denied", "cancelled", "damaged")


@click.command("list")
@click.option("--status", type=click.Choice(_STATUSES), metavar="STATUS", help=f"Only these: {', '.join(_STATUSES)}.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
def command(status: str | None, limit: int | None, as_json: bool) -> None:
    """List the runs of this project, newest first.

    `waiting`: a person must act. `idle`: an MCP host has the next move. `interrupted`: `lev runs resume` goes on.

    \b
    Examples:
      lev runs list
      lev runs list --status waiting --json
    """
    from lev_os.core.bidirectional import list_runs

    from ...held import status_of
    from ...project import runs_folder

    all_runs = ((info, status_of(info)) for info in list_runs(runs_folder()))
    runs = [(info, found) for info, found in all_runs if status is None or found == status][:limit]
    if as_json:
        print_json([_value(*run) for run in runs])
        return
    if not runs:
        print_line("no runs here" if status is None else f"no {status} runs here")
        return
    for line in columns((_row(*run) for run in runs), head=("run", "status", "started", "flow", "")):
        print_line(line)


def _value(info: RunInfo, status: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "run": info.run,
        "status": status,
        "flow": info.flow,
        "started": info.started,
        "updated": info.updated,
        "records": info.records,
        "journal": str(info.path),
        "waits": [{"name": wait.get("name"), "key": wait["key"], "about": wait.get("about")} for wait in info.waits],
    }
    return value if info.error is None else value | {"error": info.error}


def _row(info: RunInfo, status: str) -> tuple[str, ...]:
    started = "" if info.started is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.started))
    waits = ", ".join(str(wait.get("name")) for wait in info.waits)
    told = (info.error or "").splitlines()[0] if info.error else waits and f"waits for {waits}"
    return info.run, status, started, info.flow or "", told
