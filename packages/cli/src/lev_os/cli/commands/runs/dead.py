"""`lev runs dead`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...options import json_option
from ...output import columns, print_json, print_line


@click.command("dead")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@database_option
@json_option
def command(limit: int, database: str | None, as_json: bool) -> None:
    """List durable runs that did not come to their output, newest first, with the reasons.

    `lev runs fork RUN --from STEP` does one anew from where it went wrong.

    \b
    Examples:
      lev runs dead --database postgresql://localhost/acme
    """
    from lev_os.workflow.runs import dead_letters

    from ...durable import existing, state_value

    found = dead_letters(existing(database), limit=limit)
    if as_json:
        print_json([state_value(state) for state in found])
        return
    rows = ((state.run, state.status, state.flow or "", state.step or "", state.reason or "") for state in found)
    for line in columns(rows, head=("run", "status", "flow", "step", "reason")) if found else ["no dead letters"]:
        print_line(line)
