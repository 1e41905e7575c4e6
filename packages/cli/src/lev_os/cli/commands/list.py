"""`lev list`."""

from __future__ import annotations

from typing import Any

import click

from ..options import json_option, python_option
from ..output import columns, note, print_json, print_line

_KINDS = ("context", "personality", "skill", "flow", "tool", "agent", "constitution", "python", "file")
_SKILLS = "wheel-skills"


@click.command("list")
@click.argument("names", nargs=-1, metavar="[PACKAGE]...")
@click.option("--kind", type=click.Choice(_KINDS), help="Only exports of this kind.")
@python_option
@json_option
def command(names: tuple[str, ...], kind: str | None, python: str | None, as_json: bool) -> int:
    """List the packages of the project's environment and what they export.

    Nothing of a package is imported. A broken package is listed with its error.

    \b
    Examples:
      lev list
      lev list acme_support --kind flow
      lev list --json | jq '.[].exports[].specifier'
    """
    from ..listing import listing

    rows, warnings = listing(python)
    if missing := sorted(set(names) - {row["name"] for row in rows}):
        from ..catalog import unknown_package

        raise unknown_package(missing[0], python)
    if names:
        rows = [row for row in rows if row["name"] in names]
    if kind is not None:
        rows = [row | {"exports": [item for item in row["exports"] if item["kind"] == kind]} for row in rows]
    for warning in warnings:
        note(f"warning: {warning}")
    if as_json:
        print_json(rows)
        return 0
    _print(rows)
    if any(row["source"] == _SKILLS for row in rows):
        note(f"{_SKILLS}: no Leviathan package, but its wheel brings skills for agents in `.agents/skills`")
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        print_line("no packages here; `lev new package NAME` makes one")
        return
    for row in rows:
        print_line(f"{click.style(row['name'], bold=True)} {row['version'] or ''} ({row['source']})".replace("  ", " "))
        if "error" in row:
            print_line(f"  {click.style('error', fg='red')}: {row['error']}")
        lines = columns(
            (
                "  " + export["specifier"],
                export["kind"],
                ", ".join(export["conditions"]),
                "" if export["tokens"] is None else f"{export['tokens']} tokens",
                export.get("error") or ("deprecated" if export.get("deprecated") else ""),
            )
            for export in row["exports"]
        )
        for line in lines:
            print_line(line)
