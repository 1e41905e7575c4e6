"""`lev schedule`: one file for each of its commands."""

from __future__ import annotations

import click

from ...lazy import LazyGroup

_HERE = "lev_os.cli.commands.schedule"


@click.group(
    "schedule",
    cls=LazyGroup,
    lazy={
        "add": (f"{_HERE}.add", "Begin a flow at the times of a cron expression."),
        "list": (f"{_HERE}.list", "The schedules of a database."),
        "remove": (f"{_HERE}.remove", "Begin nothing by a schedule any more."),
    },
)
def command() -> None:
    """Begin durable runs at given times. The workers of the queue see to it.

    \b
    Examples:
      lev schedule add digest ./flows/digest --cron "0 8 * * MON-FRI"
      lev schedule list
    """
