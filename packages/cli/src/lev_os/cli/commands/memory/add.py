"""`lev memory add`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from ...options import json_option
from ...output import print_json, print_line
from ._opened import TYPES, Time, memory_options, opened


@click.command("add")
@click.argument("text")
@click.option("--type", "kind", type=click.Choice(TYPES), default="episodic", show_default=True, help="What it is.")
@click.option("--subject", help="Whom or what a fact is about.")
@click.option("--predicate", help="What it says about the subject; together they have one current value.")
@click.option("--since", type=Time(), help="From when it is true (default: now).")
@click.option("--trust", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="How far to believe it.")
@click.option("--pinned", is_flag=True, help="Always part of an assembled context.")
@memory_options
@json_option
def command(
    text: str,
    kind: str,
    subject: str | None,
    predicate: str | None,
    since: datetime | None,
    trust: float,
    pinned: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Remember a text, and print its id. `-` reads it from stdin. What is there already is not kept twice.

    \b
    Examples:
      lev memory add "Ada takes her tea without milk" --type semantic --user ada
      cat notes.md | lev memory add - --type procedural
    """
    with opened(where, absent="make") as (memory, scope):
        from lev_os.memory import Record

        said = sys.stdin.read() if text == "-" else text
        record = Record(
            type=kind,  # type: ignore[arg-type]  # click has checked it
            text=said,
            subject=subject,
            predicate=predicate,
            valid_from=since,
            trust=trust,
            pinned=pinned,
        )
        (id,) = memory.put([record], scope=scope)
    print_json({"id": id}) if as_json else print_line(id)
