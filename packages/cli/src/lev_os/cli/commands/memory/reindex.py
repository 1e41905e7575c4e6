"""`lev memory reindex`."""

from __future__ import annotations

from typing import Any

import click

from ...output import print_line
from ._opened import memory_options, opened


@click.command("reindex")
@memory_options
def command(**where: Any) -> None:
    """Make everything that searching needs again from the records, of all tenants; nothing is lost.

    \b
    Examples:
      lev memory reindex
    """
    with opened(where) as (memory, _):
        memory.reindex()
    print_line("made the index again")
