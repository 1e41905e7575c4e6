"""`lev memory import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...options import json_option
from ...output import print_json, print_line
from ._opened import memory_options, opened


@click.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@memory_options
@json_option
def command(source: Path, as_json: bool, **where: Any) -> None:
    """Take an export in, a file of JSON lines or a folder of Markdown: ids, times and history included.

    Taking it in again changes nothing.

    \b
    Examples:
      lev memory import memory.jsonl --tenant acme
      lev memory import notes
    """
    with opened(where, absent="make") as (memory, scope):
        if source.is_dir():
            taken = memory.import_markdown(source, scope=scope)
        else:
            # What is not UTF-8 is found, and said, at its line.
            with source.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                taken = memory.import_(lines, scope=scope, path=str(source))
    print_json({"changes": taken}) if as_json else print_line(f"took in {taken} changes")
