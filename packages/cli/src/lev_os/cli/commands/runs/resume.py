"""`lev runs resume`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...errors import STATUS_CODES
from ...options import RunName, accept_option, json_option, model_options, python_option


@click.command("resume")
@click.argument("run", type=RunName())
@accept_option
@model_options
@python_option
@database_option
@json_option
def command(
    run: str,
    accept_change: bool,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
    database: str | None,
    as_json: bool,
) -> int:
    """Go on with a run that was killed or interrupted; what had finished is not done again.

    A durable run that is held, or whose worker is gone, goes back into its queue.

    \b
    Examples:
      lev runs resume 20261122-150405-a1b2c3d4e5f6
    """
    from ...driving import ModelChoice, resume_run
    from ...durable import database_of, resume_durable, show_state
    from ...project import journal_of
    from ...showing import show_result

    if (kept := database_of(database, run)) is not None:
        return show_state(resume_durable(kept, run, python, accept_change), as_json=as_json)
    choice = ModelChoice(model, allow_weak_decisions)
    result, seconds = resume_run(journal_of(run), choice=choice, python=python, accept_change=accept_change)
    show_result(result, seconds, as_json=as_json)
    return STATUS_CODES[result.status]
