"""`lev runs replay`."""

from __future__ import annotations

import json

import click
import msgspec

from ...durable import database_option
from ...errors import FINDINGS, FINE
from ...options import RunName, json_option
from ...output import print_json, print_line


@click.command("replay")
@click.argument("run", type=RunName())
@database_option
@json_option
def command(run: str, database: str | None, as_json: bool) -> int:
    """Recompute a run from its journal alone: no model is asked and no tool is called.

    Exit code 1 when something comes out differently from what was recorded.

    \b
    Examples:
      lev runs replay 20261122-150405-a1b2c3d4e5f6
    """
    from lev_os.core.bidirectional import replay

    from ...durable import journal_for

    with journal_for(run, database) as journal:
        found = replay(journal)
    outcome = msgspec.to_builtins(found.outcome)
    if as_json:
        divergences = [
            {"line": each.line, "what": each.what, "recorded": each.recorded, "recomputed": each.recomputed}
            for each in found.divergences
        ]
        print_json(
            {
                "run": found.run,
                "outcome": outcome,
                "divergences": msgspec.to_builtins(divergences),
                "records": found.records,
                "verdicts": found.verdicts,
            }
        )
        return FINDINGS if found.divergences else FINE
    print_line(f"{found.run}: {found.records} records, {found.verdicts} verdicts recomputed")
    print_line("not finished" if outcome is None else json.dumps(outcome, ensure_ascii=False))
    for each in found.divergences:
        print_line(f"{click.style('differs', fg='red')}: {each}")
    if not found.divergences:
        print_line("the same, record by record")
    return FINDINGS if found.divergences else FINE
