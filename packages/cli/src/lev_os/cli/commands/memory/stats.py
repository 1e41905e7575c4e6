"""`lev memory stats`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import columns, print_json, print_line
from ._opened import memory_options, opened, value_of


@click.command("stats")
@memory_options
@json_option
def command(as_json: bool, **where: Any) -> None:
    """Say what the scope holds, and what was found broken.

    \b
    Examples:
      lev memory stats --tenant acme
    """
    with opened(where) as (memory, scope):
        stats = memory.stats(scope=scope)
    if as_json:
        print_json(value_of(stats))
        return
    lines = [
        ("records", f"{stats.records}"),
        ("found by a search", f"{stats.current}"),
        *((f"  {kind}", f"{count}") for kind, count in sorted(stats.by_type.items())),
        ("waiting for the embedder", f"{stats.unembedded}"),
        ("bytes of the whole memory", f"{stats.bytes}"),
    ]
    for line in columns(lines):
        print_line(line)
