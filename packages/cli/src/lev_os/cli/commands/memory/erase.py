"""`lev memory erase`."""

from __future__ import annotations

from typing import Any

import click

from ...errors import UsageProblem
from ...options import json_option
from ...output import print_json, print_line
from ._opened import memory_options, opened


@click.command("erase")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--everything", is_flag=True, help="All records of the scope.")
@click.option("--yes", is_flag=True, help="Really: nothing brings them back.")
@memory_options
@json_option
def command(ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool, **where: Any) -> None:
    """Destroy records for good: no file of the memory holds a byte of them afterwards.

    What was derived from them, such as the facts that `lev memory consolidate` made, goes too, and is told. Journals
    of runs are not touched; `lev runs forget` deletes those.

    \b
    Examples:
      lev memory erase 01a2047752d37148618d8f02a592 --yes
      lev memory erase --everything --user ada --yes
    """
    if bool(ids) == everything:
        raise UsageProblem("say which records: ids, or --everything", help="see `lev memory erase --help`")
    if not yes:
        raise UsageProblem("erased records cannot be brought back", help="add --yes, or use `lev memory forget`")
    with opened(where) as (memory, scope):
        from lev_os.memory import Filter

        gone = memory.erase(Filter() if everything else list(ids), scope=scope)
    if as_json:
        print_json({"erased": gone, "derived": gone.derived})
        return
    also = f", {len(gone.derived)} of them derived from the others" if gone.derived else ""
    print_line(f"erased {len(gone)} records{also}")
