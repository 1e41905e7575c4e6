"""`lev rules`."""

from __future__ import annotations

import click

from ..options import json_option
from ..output import columns, print_json, print_line


@click.command("rules")
@json_option
def command(as_json: bool) -> None:
    """List every rule of `lev check`, and the codes of other commands; with --json, all that is known of each.

    Rules of plugins that this project names are among them.

    \b
    Examples:
      lev rules
      lev rules --json | jq '.[].code'
    """
    from lev_os.check.describing import as_value

    from ..checking.known import known_rules

    found = known_rules().values()
    if as_json:
        print_json([as_value(rule) for rule in found])
        return
    for line in columns((rule.code, rule.severity, rule.name, rule.summary) for rule in found):
        print_line(line)
