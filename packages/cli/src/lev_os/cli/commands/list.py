"""`lev list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from lev_os.core.errors import InvalidInput, LevError

from ..options import json_option, python_option
from ..output import columns, note, print_json, print_line
from ..sizes import Sizes

if TYPE_CHECKING:
    from lev_os.core.packaging import Export, Package


@click.command("list")
@click.argument("names", nargs=-1, metavar="[PACKAGE]...")
@click.option("--kind", help="Only exports of this kind: context, flow, tool, constitution, skill, personality, …")
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
    from ..catalog import discovery, unknown_package

    found = discovery(python)
    packages = [package for package in found.packages if not names or package.name in names]
    if missing := sorted(set(names) - {package.name for package in packages}):
        raise unknown_package(missing[0], python)
    with Sizes() as sizes:
        rows = [_row(package, kind, sizes) for package in packages]
    for warning in found.warnings:
        note(f"warning: {warning}")
    if as_json:
        print_json(rows)
        return 0
    _print(rows)
    return 0


def _row(package: Package, kind: str | None, sizes: Sizes) -> dict[str, Any]:
    row: dict[str, Any] = {"name": package.name, "version": package.version, "source": package.source}
    exports: list[dict[str, Any]] = []
    error = package.error
    if error is None:
        try:
            exports = [_export(export, sizes) for export in package.exports() if kind is None or export.kind == kind]
        except LevError as problem:
            error = str(problem.problems[0]) if isinstance(problem, InvalidInput) else problem.message
    if error is not None:
        row["error"] = error
    return row | {"exports": exports}


def _export(export: Export, sizes: Sizes) -> dict[str, Any]:
    row: dict[str, Any] = {
        "specifier": export.specifier,
        "kind": export.kind,
        "conditions": list(export.conditions),
        "digest": None,
        "tokens": None,
    }
    if export.deprecated:
        row["deprecated"] = export.deprecated
    if "llm" in export.conditions or "llm-first" in export.conditions or "default" in export.conditions:
        try:
            row["digest"], row["tokens"] = sizes.of(export)
        except (LevError, OSError) as problem:
            row["error"] = problem.message if isinstance(problem, LevError) else str(problem)
    return row


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
