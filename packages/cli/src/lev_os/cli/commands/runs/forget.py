"""`lev runs forget`."""

from __future__ import annotations

import shutil

import click

from ...durable import database_option
from ...errors import UsageProblem
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("forget")
@click.argument("runs", type=RunName(), nargs=-1, metavar="RUN...")
@click.option("--older-than", "age", metavar="TIME", help="Durable runs that ended so long ago: 30d, 12h.")
@database_option
@json_option
def command(runs: tuple[str, ...], age: str | None, database: str | None, as_json: bool) -> None:
    """Delete the journals of runs, with the files they keep. What a run did in the world stays done.

    Durable runs are deleted only once they are over.

    \b
    Examples:
      lev runs forget 20261122-150405-a1b2c3d4e5f6
      lev runs forget --older-than 30d --database postgresql://localhost/acme
    """
    from lev_os.core.bidirectional.journal import is_busy
    from lev_os.core.bidirectional.places import files_folder

    from ...durable import database_of, forget_durable
    from ...project import journal_of

    if (kept := database_of(database, *runs)) is not None:
        gone = forget_durable(kept, runs, age)
        if as_json:
            print_json({"forgotten": gone})
        else:
            print_line(f"forgot {len(gone)} runs")
        return
    if age is not None or not runs:
        raise UsageProblem("name the runs to forget", help="--older-than is for durable runs: give --database")
    journals = [journal_of(run) for run in runs]
    for journal in journals:
        if is_busy(journal):
            raise UsageProblem(f"run {journal.stem} is running", help="wait for it, or end its process first")
    for journal in journals:
        shutil.rmtree(files_folder(journal), ignore_errors=True)
        journal.unlink()
    if as_json:
        print_json({"forgotten": [journal.stem for journal in journals]})
    else:
        print_line(f"forgot {', '.join(journal.stem for journal in journals)}")
