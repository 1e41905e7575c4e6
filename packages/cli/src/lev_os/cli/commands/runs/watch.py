"""`lev runs watch`."""

from __future__ import annotations

import time

import click

from ...durable import database_option
from ...options import RunName, json_option
from ...output import note


@click.command("watch")
@click.argument("run", type=RunName())
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Look no longer than this.")
@database_option
@json_option
def command(run: str, timeout: float | None, database: str | None, as_json: bool) -> int:
    """Follow a durable run until it ends or waits for somebody: a line on stderr for each step.

    \b
    Examples:
      lev runs watch 20261122-150405-a1b2c3d4e5f6 --database sqlite:///acme.db
    """
    from lev_os.workflow.runs import look, with_step

    from ...durable import existing, show_state

    kept = existing(database)
    deadline = None if timeout is None else time.monotonic() + timeout
    shown = None
    while True:
        state = with_step(kept, look(kept, run))
        if (state.status, state.step) != shown:
            shown = state.status, state.step
            note(f"{state.status:<10} {state.step or ''}".rstrip())
        if state.is_over or state.status in ("waiting", "held") or (deadline and time.monotonic() > deadline):
            return show_state(state, as_json=as_json)
        time.sleep(0.2)
