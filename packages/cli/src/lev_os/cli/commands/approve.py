"""`lev approve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import json_option, python_option
from ..output import print_json, print_line

if TYPE_CHECKING:
    from lev_os.check.approvals import Needed


@click.command("approve")
@click.argument("names", nargs=-1, metavar="[SPECIFIER | PACKAGE]...")
@click.option("--all", "everything", is_flag=True, help="Approve all that is loaded from dependencies.")
@python_option
@json_option
def command(names: tuple[str, ...], everything: bool, python: str | None, as_json: bool) -> int:
    """Say that you have read contexts of dependencies: their digests go into `lev.lock`.

    Without names it lists what the project's flows and contexts load from other packages, and exits with 1 while
    any of it is new or has changed. Read a context with `lev show` first.

    \b
    Examples:
      lev approve
      lev approve acme_support/contexts/tone
      lev approve acme_support
    """
    from lev_os.check.approvals import approve, needed
    from lev_os.check.session import Request, new_checker
    from lev_os.core.packaging.lock import lock_of

    root = os.getcwd()
    checker = new_checker(Request((root,), ("SEC50",), python=python), root)
    checker.check((root,))
    found = {item.specifier: item for item in checker.ask(lambda project: list(needed(project)))}
    if names or everything:
        chosen = found if everything else _chosen(names, found)
        approve(lock_of(checker.root), {item.specifier: item.digest for item in chosen.values()})
        _show(chosen, as_json, approved=True)
        return FINE
    _show(found, as_json)
    return FINDINGS if any(item.approved != item.digest for item in found.values()) else FINE


def _chosen(names: tuple[str, ...], found: dict[str, Needed]) -> dict[str, Needed]:
    chosen: dict[str, Needed] = {}
    for name in names:
        wanted = name.removeprefix("lev://")
        here = {spec: item for spec, item in found.items() if spec == wanted or spec.partition("/")[0] == wanted}
        if not here:
            known = ", ".join(found) or "nothing"
            raise UsageProblem(f"no flow or context here loads {name}", help=f"loaded from dependencies: {known}")
        chosen |= here
    return chosen


def _show(found: dict[str, Needed], as_json: bool, *, approved: bool = False) -> None:
    if as_json:
        rows = [
            {
                "specifier": item.specifier,
                "digest": item.digest,
                "path": str(item.path),
                "state": _state(item, approved),
            }
            for item in found.values()
        ]
        print_json({"contexts": rows})
        return
    for item in found.values():
        print_line(f"{_state(item, approved):<9} {item.specifier}  {item.digest[:19]}…")
    if not found:
        print_line("nothing is loaded from other packages")


def _state(item: Needed, approved: bool) -> str:
    if approved or item.approved == item.digest:
        return "approved"
    return "new" if item.approved is None else "changed"
