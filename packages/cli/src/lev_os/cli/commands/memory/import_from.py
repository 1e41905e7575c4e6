"""`lev memory import-from`."""

from __future__ import annotations

from typing import Any

import click

from ...options import json_option
from ...output import note, print_json, print_line
from ._opened import memory_options, opened

SOURCES = ("mem0", "langgraph", "markdown", "mastra")


@click.command("import-from")
@click.argument("source", type=click.Choice(SOURCES))
@click.argument("place")
@click.option("--trust", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="How far to believe it.")
@memory_options
@json_option
def command(source: str, place: str, trust: float, as_json: bool, **where: Any) -> None:
    """Take in what another memory holds, and say what of it has no place here. Doing it again adds nothing.

    PLACE is mem0's folder, its history.db or a JSON file of get_all(); the SQLite file of LangGraph's SqliteStore; a
    folder of Markdown notes; or Mastra's LibSQL file, or the postgresql:// URL of its database.

    \b
    Examples:
      lev memory import-from mem0 ~/.mem0
      lev memory import-from markdown ~/notes --trust 1 --user ada
      lev memory import-from mastra mastra.db
    """
    with opened(where, absent="make") as (memory, scope):
        from lev_os.memory.importing import read_from
        from lev_os.memory.transfer import pages_of

        found = read_from(source, place, scope=scope, trust=trust)
        taken = sum(memory.take_in(page, scope=scope) for page in pages_of(found.changes))
    for reason, count in found.left_out.items():
        note(f"left out: {count} {reason}")
    if as_json:
        print_json({"changes": taken, "left_out": dict(found.left_out)})
    else:
        print_line(f"took in {taken} of {len(found.changes)} changes")
