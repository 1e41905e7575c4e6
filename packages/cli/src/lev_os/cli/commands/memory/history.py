"""`lev memory history`."""

from __future__ import annotations

from typing import Any

import click

from ...errors import UsageProblem
from ...options import json_option
from ...output import columns, print_json, print_line
from ._opened import memory_options, opened, value_of


@click.command("history")
@click.argument("id")
@memory_options
@json_option
def command(id: str, as_json: bool, **where: Any) -> None:
    """List everything that happened to a record: when, what, by which record, why.

    \b
    Examples:
      lev memory history 01a2047752d37148618d8f02a592
    """
    with opened(where) as (memory, scope):
        changes = memory.history(id, scope=scope)
    if not changes:
        raise UsageProblem(
            f"there is no record {id} in this scope", help="`lev memory search` gives ids that there are"
        )
    if as_json:
        print_json(value_of(changes))
        return
    for line in columns((f"{one.at:%Y-%m-%d %H:%M:%S}", one.op, one.by or "", one.reason or "") for one in changes):
        print_line(line)
