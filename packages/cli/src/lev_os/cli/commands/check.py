"""`lev check`."""

from __future__ import annotations

from pathlib import Path

import click

from ..checking.options import Codes, Options
from ..errors import UsageProblem
from ..options import python_option


@click.command("check")
@click.argument("paths", nargs=-1, type=click.Path(readable=False))  # what cannot be read is reported
@click.option(
    "--select", multiple=True, type=Codes(), metavar="CODE", help="Only these codes or families: CTX, CTX301."
)
@click.option("--ignore", multiple=True, type=Codes(), metavar="CODE", help="Not these.")
@click.option("--fix", is_flag=True, help="Mend what has a safe fix.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: mend what should be read afterwards, too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--changed",
    is_flag=False,
    flag_value="HEAD",
    metavar="REF",
    help="Only findings and fixes in files that differ from a commit (default: the last one).",
)
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Leave out what this file knows.")
@click.option("--write-baseline", is_flag=True, help="Let the file of --baseline know what is found now.")
@click.option("--statistics", is_flag=True, help="Print how often each rule found something instead.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 although there are errors.")
@click.option("--quiet", "-q", is_flag=True, help="Print findings and nothing else: a line each, unless on a terminal.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
@python_option
def command(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    changed: str | None,
    baseline: Path | None,
    write_baseline: bool,
    statistics: bool,
    exit_zero: bool,
    quiet: bool,
    form: str,
    python: str | None,
) -> int:
    """Check packages, flows, constitutions, contexts, and files that instruct agents. Nothing of them is run.

    PATHS are files and folders; without any, the current folder. What git ignores is left out unless it is named.
    `[tool.lev.check]` in pyproject.toml says which rules hold. Exit code 1 when there is an error.

    \b
    Examples:
      lev check
      lev check AGENTS.md .claude/skills
      lev check --fix
      lev check --changed=main --format github
      lev check --baseline lev-baseline.json --write-baseline
      lev check --format json | jq '.diagnostics[].code'
    """
    if unsafe_fixes and not (fix or diff):
        raise UsageProblem("--unsafe-fixes says which fixes are meant", help="add --fix, or --diff to see them first")
    if fix and diff:
        raise UsageProblem("--fix and --diff cannot be had together", help="look with --diff first, then --fix")
    if write_baseline and baseline is None:
        raise UsageProblem("--write-baseline does not say where", help="add --baseline FILE")
    if statistics and form != "text":
        raise UsageProblem(f"--statistics is text, not {form}", help="leave out --format")
    from ..checking.command import run

    return run(
        Options(
            paths or (".",), select, ignore, python, fix, diff, unsafe_fixes, changed, baseline, write_baseline,
            statistics, exit_zero, quiet, form,
        )
    )  # fmt: skip
