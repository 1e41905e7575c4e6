"""`lev new package`."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import json_option
from ..output import print_json, print_line


@click.command("package")
@click.argument("name")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="The folder to make (default: ./NAME).")
@click.option("--description", default="", help="One line that says what the package is for.")
@json_option
def command(name: str, into: Path | None, description: str, as_json: bool) -> None:
    """Make a package NAME: lev.toml, a context, a flow, a tool, a constitution and tests.

    NAME is the name of the distribution (`acme-billing`); the import name follows from it (`acme_billing`).
    Nothing that exists is overwritten.

    \b
    Examples:
      lev new package acme-billing
      lev new package acme-billing --into billing --description "Bills"
    """
    from ..scaffold import make_package

    made = make_package(name, into=into, description=description)
    if as_json:
        print_json({"name": made.name, "path": str(made.root), "files": [str(file) for file in made.files]})
        return
    print_line(f"made {made.name} in {made.root}")
    for file in made.files:
        print_line(f"  {file}")
    print_line()
    print_line("Next:")
    print_line(f"  cd {made.root}")
    print_line("  lev list")
    print_line(f"""  lev run {made.name}/flows/greet --input '{{"name": "Ada"}}'""")
