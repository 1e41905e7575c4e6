"""`lev memory why`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import columns, print_json, print_line
from ._opened import memory_options, opened, value_of


@click.command("why")
@click.argument("question")
@click.option("-k", "--count", type=click.IntRange(1, 1000), default=5, show_default=True, help="At most so many.")
@memory_options
@json_option
def command(question: str, count: int, as_json: bool, **where: Any) -> None:
    """Say what the score of each answer is made of. `raw_` parts are measures before they are scaled.

    \b
    Examples:
      lev memory why "how does Ada drink tea?" --user ada
    """
    with opened(where) as (memory, scope):
        hits = memory.search(question, scope=scope, k=count, explain=True)
    if as_json:
        print_json(value_of(hits))
        return
    for hit in hits:
        print_line(f"{hit.score:.3f} {hit.record.id} {' '.join(hit.record.text.split())}")
        for line in columns((f"  {name}", f"{value:+.3f}") for name, value in hit.parts.items()):
            print_line(line)
