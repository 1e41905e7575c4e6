"""`lev memory migrate`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import print_json, print_line
from ._opened import memory_options, opened


@click.command("migrate")
@click.argument("source")
@click.argument("target")
@memory_options
@json_option
def command(source: str, target: str, as_json: bool, **where: Any) -> None:
    """Copy a tenant from one memory to another, both given as URLs, and check that nothing is missing or different.

    It can be stopped and given again: it goes on where it was. The source stays as it is.

    \b
    Examples:
      lev memory migrate sqlite:///memory.db files:///notes
    """
    embedder = where["embedder"]
    where |= {"url": source, "embedder": "none"}  # only what is written needs vectors
    with opened(where, absent="error") as (memory, scope):
        from lev_os.memory import MemoryManager

        with MemoryManager.open_sync(target, embedder=None if embedder == "none" else embedder) as other:
            moved = memory.migrate(other, scope=scope)
    if as_json:
        print_json({"records": moved.records, "changes": moved.changes})
    else:
        print_line(f"{moved.records} records are in both, {moved.changes} changes were new")
