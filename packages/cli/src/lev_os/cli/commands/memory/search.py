"""`lev memory search`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ._opened import TYPES, memory_options, opened, show


@click.command("search")
@click.argument("question")
@click.option("-k", "--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="At most so many.")
@click.option("--type", "types", type=click.Choice(TYPES), multiple=True, help="Only these types.")
@memory_options
@json_option
def command(question: str, count: int, types: tuple[Any, ...], as_json: bool, **where: Any) -> None:
    """Find what answers a question, the best first: score, id, type, since when, text.

    \b
    Examples:
      lev memory search "how does Ada drink tea?" --user ada
      lev memory search "what did we decide last week?" --type episodic --json
    """
    with opened(where) as (memory, scope):
        from lev_os.memory import Filter

        hits = memory.search(question, scope=scope, k=count, where=Filter(types=types))
    show(hits, as_json=as_json)
