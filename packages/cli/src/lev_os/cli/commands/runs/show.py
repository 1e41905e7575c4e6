"""`lev runs show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...durable import database_option
from ...options import RunName, json_option
from ...output import note, print_json, print_line

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo
    from lev_os.core.traces import RunView


@click.command("show")
@click.argument("run", type=RunName())
@click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the run as one page of HTML that needs nothing else, and say where.")  # fmt: skip
@database_option
@json_option
def command(run: str, page: Path | None, database: str | None, as_json: bool) -> None:
    """Show a run: its input, every effect with its verdicts, who decided what, tokens, times, and how it ended.

    RUN may be shortened as long as it is clear which one is meant. It is read from its journal alone: the package
    need not be installed any more.

    \b
    Examples:
      lev runs show 20261122-150405-a1b2c3d4e5f6
      lev runs show 20261122-1504 --html run.html
      lev runs show 20261122-1504 --json | jq .entries
    """
    from lev_os.core.bidirectional.replaying import run_info

    from ...durable import journal_for
    from ...held import status_of

    with journal_for(run, database) as journal:
        info = run_info(journal)
        _show(journal, info, status_of(info), page, as_json)


def _show(journal: Path, info: RunInfo, status: str, page: Path | None, as_json: bool) -> None:
    from lev_os.core.bidirectional.replaying import describe

    if page is not None:
        from lev_os.core.traces import as_html, read_run

        _write(page, as_html(read_run(journal)))
        if not as_json:
            note(f"wrote {page}")
            return
    if as_json:
        print_json({**describe(journal), "status": status})
        return
    if info.error is not None:
        print_line(f"{click.style(info.run, bold=True)}  {info.flow}  {status}")
        print_line(f"error: {info.error}")
        return
    from lev_os.core.traces import read_run

    from ._shown import lines

    _print(read_run(journal), status, lines)


def _print(view: RunView, status: str, lines: Any) -> None:
    print_line(f"{click.style(view.run, bold=True)}  {view.flow}  {status}")
    for line in lines(view):
        print_line(line)


def _write(page: Path, text: str) -> None:
    """A page tells as much as a journal, so nobody else may read it either."""
    from lev_os.core.errors import LevError

    try:
        descriptor = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise LevError(f"{page} cannot be written: {error.strerror}", help="choose another file") from None
