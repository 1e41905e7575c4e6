"""`lev schedule remove`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...options import json_option
from ...output import print_json, print_line


@click.command("remove")
@click.argument("name")
@database_option
@json_option
def command(name: str, database: str | None, as_json: bool) -> None:
    """Begin nothing by a schedule any more. Runs that have begun go on.

    \b
    Examples:
      lev schedule remove digest
    """
    from lev_os.workflow.schedules import remove_schedule

    from ...durable import needed

    remove_schedule(name, database=needed(database))
    if as_json:
        print_json({"removed": name})
    else:
        print_line(f"removed {name}")
