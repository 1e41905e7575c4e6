"""`lev runs fork`."""

from __future__ import annotations

import asyncio

import click

from ...durable import database_option
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("fork")
@click.argument("run", type=RunName())
@click.option("--from", "at", required=True, metavar="STEP", help="The step to do anew: its id, path or number.")
@click.option("--queue", metavar="NAME", help="Where the new run waits for a worker (default: where the old one did).")
@database_option
@json_option
def command(run: str, at: str, queue: str | None, database: str | None, as_json: bool) -> None:
    """Begin a new durable run that takes over what RUN had recorded before STEP, and goes on by itself from there.

    STEP may be where RUN stands now, as an open wait. What is taken over is not done again. Everything after it is,
    with keys of the new run. RUN stays as it is.

    \b
    Examples:
      lev runs fork 20261122-150405-a1b2c3d4e5f6 --from draft
    """
    from lev_os.workflow import fork

    from ...durable import existing

    kept = existing(database)
    made = asyncio.run(fork(run, at=at, queue=queue, database=kept))
    if as_json:
        print_json({"run": made, "of": run})
    else:
        print_line(made)
