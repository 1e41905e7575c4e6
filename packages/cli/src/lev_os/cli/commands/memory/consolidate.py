"""`lev memory consolidate`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import columns, print_json, print_line
from ._opened import memory_options, opened, value_of


@click.command("consolidate")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@memory_options
@json_option
def command(dry_run: bool, as_json: bool, **where: Any) -> None:
    """Tidy the scope: facts out of episodes, one value for each fact, no near duplicates, stale notes forgotten.

    Nothing is destroyed; `lev memory restore` undoes each step.

    \b
    Examples:
      lev memory consolidate --user ada --dry-run
    """
    with opened(where) as (memory, scope):
        done = memory.consolidate(scope=scope, dry_run=dry_run)
    if as_json:
        print_json(value_of(done))
        return
    rows = [
        (one.kind, one.id or "", "" if one.record is None else one.record.text, one.by or "", one.reason)
        for one in done.actions
    ]
    for line in columns(rows):
        print_line(line)
    if not rows:
        print_line("nothing to tidy")
