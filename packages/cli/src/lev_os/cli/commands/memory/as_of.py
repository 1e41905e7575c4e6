"""`lev memory as-of`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from ...options import json_option
from ._opened import Time, memory_options, opened, show


@click.command("as-of")
@click.argument("time", type=Time())
@click.argument("question")
@click.option("-k", "--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="At most so many.")
@click.option("--known", is_flag=True, help="What this memory held then, rather than what was true then.")
@memory_options
@json_option
def command(time: datetime, question: str, count: int, known: bool, as_json: bool, **where: Any) -> None:
    """Find what answers a question about a time.

    \b
    Examples:
      lev memory as-of 2026-05-07 "where does Ada live?" --user ada
      lev memory as-of 2026-05-07T12:00 "where does Ada live?" --known
    """
    with opened(where) as (memory, scope):
        as_of, known_at = (None, time) if known else (time, None)
        hits = memory.search(question, scope=scope, k=count, as_of=as_of, known_at=known_at)
    show(hits, as_json=as_json)
