"""`lev explain`."""

from __future__ import annotations

import difflib

import click

from ..checking.options import Codes
from ..errors import UsageProblem
from ..options import json_option
from ..output import print_json, print_line


@click.command("explain")
@click.argument("code", type=Codes())
@json_option
def command(code: str, as_json: bool) -> None:
    """What a code means: why it matters, how to mend it, a bad and a good example.

    Any code that a command prints, of a finding of `lev check` or not, and those of plugins that this project names.

    \b
    Examples:
      lev explain CTX301
      lev explain FLW401 --json
    """
    from lev_os.check.describing import as_value, lines

    from ..checking.known import known_rules

    found = known_rules()
    if code not in found:
        near = difflib.get_close_matches(code, found, n=3, cutoff=0.5)
        begin = [known for known in found if known.startswith(code)]
        help = "`lev rules` lists all codes"
        if begin or near:
            help = "there are " + ", ".join(begin or near)
        raise UsageProblem(f"no rule has the code {code}", help=help)
    if as_json:
        print_json(as_value(found[code]))
        return
    for line in lines(found[code]):
        print_line(line)
