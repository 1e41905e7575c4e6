"""`lev memory export`."""

from __future__ import annotations

import sys
from typing import Any

import click

from ._opened import memory_options, opened


@click.command("export")
@memory_options
def command(**where: Any) -> None:
    """Write everything in the scope, with its whole history, to stdout as lines of JSON.

    \b
    Examples:
      lev memory export > memory.jsonl
      lev memory export --user ada | jq .record.text
    """
    where["embedder"] = "none"
    with opened(where) as (memory, scope):
        for line in memory.export(scope=scope):
            sys.stdout.write(line)
