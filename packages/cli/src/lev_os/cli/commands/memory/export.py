"""`lev memory export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ...errors import UsageProblem
from ...output import note
from ._opened import memory_options, opened


@click.command("export")
@click.option("--format", "form", type=click.Choice(["jsonl", "markdown"]), default="jsonl", show_default=True)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="The empty folder that Markdown goes to.")
@memory_options
def command(form: str, folder: Path | None, **where: Any) -> None:
    """Write everything in the scope, with its whole history: lines of JSON to stdout, or a Markdown file a record.

    \b
    Examples:
      lev memory export > memory.jsonl
      lev memory export --user ada | jq .record.text
      lev memory export --format markdown --to notes
    """
    if (form == "markdown") is not (folder is not None):
        raise UsageProblem("--to goes with --format markdown, which needs it", help="name a folder: --to notes")
    where["embedder"] = "none"
    with opened(where) as (memory, scope):
        if folder is not None:
            note(f"wrote {memory.export_markdown(folder, scope=scope)} records to {folder}")
            return
        for line in memory.export(scope=scope):
            sys.stdout.write(line)
