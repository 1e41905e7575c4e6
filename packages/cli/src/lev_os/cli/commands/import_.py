"""`lev import`."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ..options import json_option
from ..output import note, print_json, print_line


class _Format(click.ParamType[str]):
    name = "format"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The formats there are."""
        from lev_os.export.importing import FORMATS

        return [CompletionItem(name, help=text) for name, text in FORMATS.items() if name.startswith(incomplete)]


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "format",
    required=True,
    type=_Format(),
    metavar="FORMAT",
    help="apm, intent, skills, agents-md, tile, dotprompt or prompty.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder to make (default: ./NAME).")
@click.option("--name", help="The name of the package (default: what PATH says it is called).")
@json_option
def command(path: Path, format: str, out: Path | None, name: str | None, as_json: bool) -> None:
    """Make a package out of what you have at PATH: contexts, flows and skills, with a lev.toml.

    PATH is only read. Nothing that exists is overwritten. What could not be taken, or was changed, is told.

    \b
    Examples:
      lev import --from apm ../our-rules
      lev import --from agents-md . --name team-rules --out packages/team-rules
      lev import --from dotprompt prompts/ --name prompts-kit
    """
    from lev_os.export.importing import read
    from lev_os.export.importing.making import make

    taken = read(format, path)
    made = make(taken, name=name, into=out)
    if as_json:
        print_json({"name": made.name, "path": str(made.root), "files": list(made.files), "notes": taken.notes})
        return
    print_line(f"made {made.name} in {made.root}")
    for file in made.files:
        print_line(f"  {file}")
    for line in taken.notes:
        note(f"{click.style('note', fg='yellow')}: {line}")
    print_line()
    print_line(f"Next: cd {made.root}, then `lev check` and `lev list {made.name}`")
