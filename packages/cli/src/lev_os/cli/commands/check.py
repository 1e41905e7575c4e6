"""`lev check`."""

from __future__ import annotations

import click

from ..errors import FINDINGS, FINE
from ..options import python_option
from ..output import note, print_line


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--select", multiple=True, metavar="CODE", help="Only these codes or families (CTX, CTX3, CTX301).")
@click.option("--ignore", multiple=True, metavar="CODE", help="Not these.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How findings are printed.")
@python_option
def command(
    paths: tuple[str, ...], select: tuple[str, ...], ignore: tuple[str, ...], form: str, python: str | None
) -> int:
    """Check packages, flows, constitutions, contexts, and files that instruct agents. Nothing of them is run.

    \b
    Examples:
      lev check
      lev check AGENTS.md .claude/skills
      lev check --format json | jq '.diagnostics[].code'
    """
    from lev_os.check.engine import Checker
    from lev_os.check.environment import find_environment
    from lev_os.check.outputs import as_json
    from lev_os.check.selection import Selection

    checker = Checker(selection=Selection(select, ignore), environment=find_environment(".", python))
    report = checker.check(paths or ["."])
    if form == "json":
        print_line(as_json(report))
    else:
        for found in report.diagnostics:
            print_line(f"{found.file}:{found.line}:{found.column} {found.code} {found.message}")
            if found.help:
                print_line(f"    help: {found.help}")
        for item in report.not_checked:
            note(f"not checked: {item.file}: {item.reason}")
    return FINDINGS if report.count("error") else FINE
