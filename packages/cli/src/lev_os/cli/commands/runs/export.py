"""`lev runs export`."""

from __future__ import annotations

from pathlib import Path

import click

from ...durable import database_option
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("export")
@click.argument("run", type=RunName())
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: RUN.jsonl here.")
@database_option
@json_option
def command(run: str, out: Path | None, database: str | None, as_json: bool) -> None:
    """Write the journal of a durable run to a file: the one it would have had here, for the same commands.

    \b
    Examples:
      lev runs export 20261122-150405-a1b2c3d4e5f6 --out run.jsonl
      lev runs replay run.jsonl
    """
    from lev_os.workflow.runs import export

    from ...durable import existing

    path = out or Path(f"{run}.jsonl")
    records = export(existing(database), run, path)
    if as_json:
        print_json({"run": run, "journal": str(path), "records": records})
    else:
        print_line(f"{path}: {records} records")
