"""`lev runs list`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ...options import json_option
from ...output import columns, print_json, print_line

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo

_STATUSES = ("waiting", "interrupted", "running", "done", "failed", "denied", "cancelled", "damaged")


@click.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only these.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
def command(status: str | None, limit: int | None, as_json: bool) -> None:
    """List the runs of this project, newest first.

    \b
    Examples:
      lev runs list
      lev runs list --status waiting --json
    """
    from lev_os.core.bidirectional import list_runs

    from ...project import runs_folder

    runs = [info for info in list_runs(runs_folder()) if status is None or info.status == status][:limit]
    if as_json:
        print_json([_value(info) for info in runs])
        return
    if not runs:
        print_line("no runs here" if status is None else f"no {status} runs here")
        return
    for line in columns((_row(info) for info in runs), head=("run", "status", "started", "flow", "")):
        print_line(line)


def _value(info: RunInfo) -> dict[str, Any]:
    value: dict[str, Any] = {
        "run": info.run,
        "status": info.status,
        "flow": info.flow,
        "started": info.started,
        "updated": info.updated,
        "records": info.records,
        "journal": str(info.path),
        "waits": [{"name": wait.get("name"), "key": wait["key"], "about": wait.get("about")} for wait in info.waits],
    }
    return value if info.error is None else value | {"error": info.error}


def _row(info: RunInfo) -> tuple[str, ...]:
    started = "" if info.started is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.started))
    waits = ", ".join(str(wait.get("name")) for wait in info.waits)
    told = (info.error or "").splitlines()[0] if info.error else waits and f"waits for {waits}"
    return info.run, info.status, started, info.flow or "", told
