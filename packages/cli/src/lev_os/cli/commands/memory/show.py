"""`lev memory show`."""

from __future__ import annotations

from typing import Any

import click

from ...errors import UsageProblem
from ...options import json_option
from ...output import columns, print_json, print_line
from ._opened import memory_options, opened, value_of


@click.command("show")
@click.argument("id")
@memory_options
@json_option
def command(id: str, as_json: bool, **where: Any) -> None:
    """Show one record: its fields, then its text.

    \b
    Examples:
      lev memory show 01a2047752d37148618d8f02a592
    """
    with opened(where) as (memory, scope):
        record = memory.get(id, scope=scope)
    if record is None:
        raise UsageProblem(
            f"there is no record {id} in this scope", help="`lev memory search` gives ids that there are"
        )
    fields = value_of(record)
    if as_json:
        print_json(fields)
        return
    text = fields.pop("text")
    for line in columns((name, str(value)) for name, value in fields.items()):
        print_line(line)
    print_line()
    print_line(text)
