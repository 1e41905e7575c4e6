"""`lev dev`."""

from __future__ import annotations

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import json_option, python_option
from ..output import print_json


@click.command("dev")
@click.argument("package", required=False, metavar="[PACKAGE|PATH]")
@click.option("--once", is_flag=True, help="Look once and stop; 1 when there are errors.")
@python_option
@json_option
def command(package: str | None, once: bool, python: str | None, as_json: bool) -> int:
    """Watch a package: check it, and refresh its stubs, whenever a file changes.

    Every context, flow and constitution is read and every flow linked; nothing of the package is imported. The
    stubs (`contexts/__init__.pyi`, `flows/__init__.pyi`) let editors and type checkers see contexts and flows with
    their parameters and results. A broken file is reported and watched like any other.

    \b
    Examples:
      lev dev
      lev dev acme_support
      lev dev src/acme_support --once
    """
    from ..catalog import make_importable
    from ..dev.checking import checker_of, look_at
    from ..dev.session import find_root, tell_all, watch

    if as_json and not once:
        raise UsageProblem("--json needs --once: watching never ends", help="add --once")
    root = find_root(package, python)
    make_importable(python)
    if not once:
        return watch(root, python)
    found = look_at(root, checker_of(root, python))
    if as_json:
        from lev_os.check.outputs.json import diagnostic_value

        print_json({
            "package": found.name,
            "exports": dict(found.kinds),
            "problems": [diagnostic_value(problem) for problem in found.problems],
            "written": [str(path) for path in found.written],
        })  # fmt: skip
    else:
        tell_all(found, root)
    return FINDINGS if found.errors else FINE
