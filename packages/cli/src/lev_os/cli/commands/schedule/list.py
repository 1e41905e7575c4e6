"""`lev schedule list`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...options import json_option
from ...output import columns, print_json, print_line


@click.command("list")
@database_option
@json_option
def command(database: str | None, as_json: bool) -> None:
    """List the schedules of a database.

    \b
    Examples:
      lev schedule list --database postgresql://localhost/acme
    """
    import msgspec
    from lev_os.workflow.schedules import list_schedules

    from ...durable import needed

    found = list_schedules(database=needed(database))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows = ((s.name, s.cron, s.zone, s.queue, s.missed, s.flow, s.last or "") for s in found)
    heads = ("name", "cron", "zone", "queue", "missed", "flow", "last")
    for line in columns(rows, head=heads) if found else ["no schedules"]:
        print_line(line)
