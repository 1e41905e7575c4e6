"""`lev runs cancel`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("cancel")
@click.argument("run", type=RunName())
@click.option("--reason", default="cancelled by hand", show_default=True, help="What to record.")
@database_option
@json_option
def command(run: str, reason: str, database: str | None, as_json: bool) -> None:
    """End a run that is not finished; its journal stays.

    \b
    Examples:
      lev runs cancel 20261122-150405-a1b2c3d4e5f6 --reason "asked again"
    """
    from ...driving import cancel_run
    from ...durable import cancel_durable, database_of
    from ...project import journal_of

    kept = database_of(database, run)
    status = cancel_run(journal_of(run), reason) if kept is None else cancel_durable(kept, run, reason)
    if as_json:
        print_json({"run": run, "status": status})
    else:
        print_line(f"{run} is {status}")
