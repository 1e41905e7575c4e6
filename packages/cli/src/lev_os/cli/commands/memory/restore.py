"""`lev memory restore`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import print_json, print_line
from ._opened import memory_options, opened


@click.command("restore")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--reason", help="Why; kept in the history.")
@memory_options
@json_option
def command(ids: tuple[str, ...], reason: str | None, as_json: bool, **where: Any) -> None:
    """Undo that records were forgotten or superseded.

    \b
    Examples:
      lev memory restore 01a2047752d37148618d8f02a592 --reason "it was right"
    """
    with opened(where) as (memory, scope):
        for id in ids:
            memory.restore(id, scope=scope, reason=reason)
    print_json({"restored": ids}) if as_json else print_line(f"restored {', '.join(ids)}")
