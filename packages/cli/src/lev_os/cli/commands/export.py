"""`lev export`."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ..errors import UsageProblem
from ..options import json_option, python_option


class _TargetName(click.ParamType[str]):
    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The targets there are."""
        from lev_os.export.target import TARGETS

        return [CompletionItem(name) for name in TARGETS if name.startswith(incomplete)]


@click.command("export")
@click.argument("more", nargs=-1, metavar="[TARGET]...", type=_TargetName())
@click.option("--to", "to", multiple=True, type=_TargetName(), metavar="TARGET", help="What to write; may be repeated.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to (default: the project's root).",
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Of these packages (default: the project's own, else all).",
)
@click.option("--in-package", is_flag=True, help="With `skills`: into each package itself, to travel in its wheel.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when something would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would change.")
@click.option("--force", is_flag=True, help="Replace files that are not from `lev export`, or were changed since.")
@click.option("--list", "as_list", is_flag=True, help="List the targets.")
@python_option
@json_option
def command(
    more: tuple[str, ...],
    to: tuple[str, ...],
    out: Path | None,
    packages: tuple[str, ...],
    in_package: bool,
    check: bool,
    dry_run: bool,
    force: bool,
    as_list: bool,
    python: str | None,
    as_json: bool,
) -> int:
    """Write packages out for the hosts that people use: skills, plugins, pointers, catalogues.

    Only what an earlier export made is changed or removed (`lev-export.lock` knows it); files and text of people stay,
    unless --force says otherwise. All is written, or nothing. What a target cannot express is told.

    \b
    Examples:
      lev export --list
      lev export --to skills agents-md
      lev export --to agent-plugin --package acme_support --out dist/plugin
      lev export --to skills --check
      lev export --to skills --in-package
    """
    if as_list:
        from ..exporting import list_targets

        return list_targets(as_json=as_json)
    if not (to or more):
        raise UsageProblem("no target is named", help="`lev export --list` shows them; then `lev export --to TARGET`")
    if in_package and ({*to, *more} != {"skills"} or out is not None):
        raise UsageProblem("--in-package is for `--to skills` alone, and without --out")
    from ..exporting import Wish, run

    return run(
        Wish(tuple(dict.fromkeys((*to, *more))), out, packages, in_package, check, dry_run, force, python, as_json)
    )
