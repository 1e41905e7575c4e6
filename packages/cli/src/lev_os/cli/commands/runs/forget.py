"""`lev runs forget`."""

from __future__ import annotations

import shutil

import click

from ...errors import UsageProblem
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("forget")
@click.argument("runs", type=RunName(), nargs=-1, required=True, metavar="RUN...")
@json_option
def command(runs: tuple[str, ...], as_json: bool) -> None:
    """Delete the journals of runs, with the files they keep. What a run did in the world stays done.

    \b
    Examples:
      lev runs forget 20261122-150405-a1b2c3d4e5f6
    """
    from lev_os.core.bidirectional.journal import is_busy
    from lev_os.core.bidirectional.places import files_folder

    from ...project import journal_of

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
