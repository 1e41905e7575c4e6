"""`lev doctor`."""

from __future__ import annotations

import click

from ..errors import FINDINGS, FINE
from ..options import json_option, python_option
from ..output import note, print_json, print_line


@click.command("doctor")
@python_option
@json_option
def command(python: str | None, as_json: bool) -> int:
    """Say what works here, what does not, and the exact way to get it. Exit code 1 when something is amiss.

    \b
    Examples:
      lev doctor
      lev doctor --json | jq '.[] | select(.status == "missing")'
    """
    from ..health import examine

    checks = list(examine(python))
    if as_json:
        print_json([check.as_json() for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = {"ok": ("ok", "green"), "missing": ("--", "yellow"), "error": ("!!", "red")}[check.status]
            optional = " (optional)" if check.status == "missing" and check.optional else ""
            print_line(f"{click.style(mark[0], fg=mark[1])}  {check.name.ljust(width)}  {check.found}{optional}")
            if check.help:
                print_line(f"    {' ' * width}  help: {check.help}")
    findings = [check for check in checks if check.is_finding]
    if findings and not as_json:
        note(f"{len(findings)} to mend: {', '.join(check.name for check in findings)}")
    return FINDINGS if findings else FINE
