"""`lev check`."""

from __future__ import annotations

import click

from ..errors import FINDINGS, FINE
from ..output import print_json, print_line


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--select", multiple=True, metavar="CODE", help="Only these codes or families (CTX, CTX3, CTX301).")
@click.option("--ignore", multiple=True, metavar="CODE", help="Not these.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How findings are printed.")
def command(paths: tuple[str, ...], select: tuple[str, ...], ignore: tuple[str, ...], form: str) -> int:
    """Check packages, flows, constitutions, contexts, and files that instruct agents. Nothing of them is run.

    \b
    Examples:
      lev check
      lev check AGENTS.md .claude/skills
      lev check --format json | jq '.diagnostics[].code'
    """
    from lev_os.check import check

    report = check(paths or ["."], select=select, ignore=ignore)
    if form == "json":
        print_json({"diagnostics": report.diagnostics, "checked": report.checked, "not_checked": report.not_checked})
    else:
        for found in report.diagnostics:
            print_line(f"{found.file}:{found.line}:{found.column} {found.code} {found.message}")
            if found.help:
                print_line(f"    help: {found.help}")
    return FINDINGS if report.count("error") else FINE
