"""`lev budget`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import json_option, python_option
from ..output import columns, print_json, print_line

if TYPE_CHECKING:
    from lev_os.check.budget import Measure
    from lev_os.core.packaging import Package

_SHOWN = 8


@click.command("budget")
@click.argument("names", nargs=-1, metavar="[PACKAGE | PATH]...")
@click.option("--base", metavar="REF", help="Beside: a git commit, branch or tag; name what is not as it was.")
@click.option("--why", is_flag=True, help="Name what the figures are made of, the biggest first.")
@click.option("--wheel", type=click.Path(path_type=Path), help="The wheel (default: the newest in dist/).")
@click.option("--twin", type=click.Path(path_type=Path), help="The npm twin: its folder, or what `npm pack` made.")
@python_option
@json_option
def command(
    names: tuple[str, ...],
    base: str | None,
    why: bool,
    wheel: Path | None,
    twin: Path | None,
    python: str | None,
    as_json: bool,
) -> int:
    """Measure packages against the `[budget]` of their lev.toml; exit with 1 if a figure is above its limit.

    Tokens of each context and of what is loaded up front, bytes of the wheel and the npm twin, CPU time of the import,
    which depends on the machine and only warns. Without a name: the packages of this project.

    \b
    Examples:
      lev budget
      lev budget acme_support --why
      lev budget acme_support --base main --json
    """
    from lev_os.check.budget import measure

    packages = [_named(name, python) for name in names] or _own(python)
    if (wheel or twin) and len(packages) > 1:
        raise UsageProblem("--wheel and --twin belong to one package", help="name it")
    interpreter = _interpreter(python)
    found = {
        package.name: measure(package, base=base, wheel=wheel, twin=twin, python=interpreter) for package in packages
    }
    failing = [one for measures in found.values() for one in measures if one.fails]
    if as_json:
        rows = [
            {"name": name, "measures": [one.as_json(why=why) for one in measures]} for name, measures in found.items()
        ]
        print_json({"packages": rows, "above": len(failing)})
    else:
        for measures in found.values():
            _print(measures, base, why)
    return FINDINGS if failing else FINE


def _named(name: str, python: str | None) -> Package:
    from lev_os.core.packaging import load_package

    from ..catalog import locate

    return load_package(Path(name)) if "/" in name or name == "." else locate(name, python)[0]


def _own(python: str | None) -> list[Package]:
    """The packages that lie in the project, not those installed into it."""
    from ..catalog import discovery
    from ..project import project_root

    root = project_root().resolve()
    found = [
        package
        for package in discovery(python).packages
        if package.root.resolve().is_relative_to(root) and "site-packages" not in package.root.parts
    ]
    if not found:
        raise UsageProblem("there is no package here", help="name one: `lev budget acme_support`")
    return found


def _interpreter(python: str | None) -> str | None:
    from ..project import find_environment

    environment = find_environment(python)
    if environment.own:
        return None
    for place in ("bin/python", "Scripts/python.exe"):
        if (environment.prefix / place).exists():
            return str(environment.prefix / place)
    return None


def _print(measures: list[Measure], base: str | None, why: bool) -> None:
    from lev_os.check.budget.model import UNITS

    rows = [
        (
            one.name,
            one.kind,
            f"{one.value:,.{0 if UNITS[one.kind] == 'tokens' else 1}f} {UNITS[one.kind]}",
            "" if one.limit is None else f"of {one.limit:,}",
            _change(one, base),
            _state(one),
        )
        for one in measures
    ]
    for one, line in zip(measures, columns(rows), strict=True):
        print_line(click.style(line, fg="red") if one.fails else line)
        for change in one.changes[:_SHOWN]:
            print_line(f"    {change.what:>10}  {change.name}")
        if len(one.changes) > _SHOWN:
            print_line(f"    and {len(one.changes) - _SHOWN:,} more")
        for part in one.parts()[:_SHOWN] if why else ():
            print_line(f"    {part.value:>10,.1f}  {part.name}")


def _change(one: Measure, base: str | None) -> str:
    if base is None or one.kind not in {"context", "bundle"}:
        return ""
    if one.before is None:
        return "new"
    if one.note == "gone":
        return "gone"
    if one.value != one.before:
        return f"{one.value - one.before:+,.0f}"
    return "other text" if one.changes else "as it was"


def _state(one: Measure) -> str:
    if one.fails:
        return "above its budget"
    return "above its budget here (warning)" if one.above else ""
