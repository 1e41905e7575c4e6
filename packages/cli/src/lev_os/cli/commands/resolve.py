"""`lev resolve`."""

from __future__ import annotations

import click

from ..options import Specifier, json_option, python_option
from ..output import print_json, print_line


@click.command("resolve")
@click.argument("specifier", type=Specifier())
@click.option(
    "--condition",
    "-c",
    default="llm",
    show_default=True,
    help="Who asks: llm-first, llm, python, default, or one of the npm side.",
)
@python_option
@json_option
def command(specifier: str, condition: str, python: str | None, as_json: bool) -> None:
    """Say which file or Python object a specifier stands for under a condition.

    \b
    Examples:
      lev resolve acme_support/contexts/executive --condition llm
      lev resolve acme_support/flows/triage --condition python --json
    """
    from ..catalog import target_of

    target = target_of(specifier, condition, python)
    if as_json:
        print_json(
            {
                "specifier": target.specifier,
                "condition": target.condition,
                "target": target.target,
                "path": None if target.path is None else str(target.path),
            }
        )
        return
    print_line(str(target.path or target.object or target.target))
