"""`lev runs`: one file for each of its commands."""

from __future__ import annotations

import click

from ...lazy import LazyGroup

_HERE = "lev_os.cli.commands.runs"


@click.group(
    "runs",
    cls=LazyGroup,
    lazy={
        "list": (f"{_HERE}.list", "The runs of this project, newest first."),
        "show": (f"{_HERE}.show", "One run: input, what happened, verdicts, outcome."),
        "watch": (f"{_HERE}.watch", "Follow a durable run until it ends."),
        "replay": (f"{_HERE}.replay", "Recompute a run from its journal, without any model or tool."),
        "resume": (f"{_HERE}.resume", "Go on with a run that was killed or interrupted."),
        "approve": (f"{_HERE}.approve", "Answer what a run waits for, and go on."),
        "signal": (f"{_HERE}.signal", "Say something to a durable run's wait, now or before it opens."),
        "cancel": (f"{_HERE}.cancel", "End a run that is not finished."),
        "fork": (f"{_HERE}.fork", "Begin a new durable run from the middle of another."),
        "export": (f"{_HERE}.export", "Write the journal of a durable run to a file."),
        "dead": (f"{_HERE}.dead", "Durable runs that failed, with the reasons."),
        "forget": (f"{_HERE}.forget", "Delete the journals of runs."),
    },
)
def command() -> None:
    """Look at runs, replay them, and answer what waits for a person.

    \b
    Examples:
      lev runs list --status waiting
      lev runs show 20261122-150405-a1b2c3d4e5f6
      lev runs approve 20261122-150405-a1b2c3d4e5f6 --note "checked with Ada"
    """
