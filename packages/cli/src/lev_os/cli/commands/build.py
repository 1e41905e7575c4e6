"""`lev build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import FINDINGS, FINE, UsageProblem
from ..options import json_option, python_option
from ..output import note, print_json, print_line

if TYPE_CHECKING:
    from lev_os.export.build import Built, Generated


@click.command("build")
@click.argument("package", required=False, metavar="[PACKAGE|PATH]")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a generated file is not up to date.")
@click.option("--no-dist", is_flag=True, help="Only write what is generated into the package: no wheel, no sdist.")
@click.option(
    "--lazy",
    multiple=True,
    metavar="MODULE",
    help="Make the `__init__.py` of this module load lazily, from now on; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where wheel and sdist go (default: dist/ of the project).",
)
@python_option
@json_option
def command(
    package: str | None,
    check: bool,
    no_dist: bool,
    lazy: tuple[str, ...],
    out: Path | None,
    python: str | None,
    as_json: bool,
) -> int:
    """Build a package: types for Python, exact schemas of its tools, wheel and sdist.

    Into the package go stubs (`.pyi`) for what `expose` gives, `py.typed`, and `tools.json` with the schemas of its
    tools, which are imported for that in a process of their own. Wheel and sdist are made by uv; they are the same
    bytes for the same files, and the wheel is compared with the sources: every export is in it. A build that fails
    leaves the tree as it was.

    \b
    Examples:
      lev build
      lev build acme_support --no-dist
      lev build --check
      lev build --lazy acme_support.tools
    """
    from lev_os.core.packaging import load_package

    from ..dev.session import find_root

    if check and (no_dist or out):
        raise UsageProblem("--check writes nothing, so there is nothing to place", help="leave out --out and --no-dist")
    if no_dist and out:
        raise UsageProblem("--out is where wheel and sdist go, and --no-dist makes none")
    from lev_os.export.build import build, examine

    root = find_root(package, python)
    name = load_package(root).name
    interpreter = _interpreter(python)
    tell = _silent if as_json else note
    if check:
        built = examine(root, name, python=interpreter, lazy=lazy, tell=tell)
    else:
        built = build(root, name, python=interpreter, lazy=lazy, dist=not no_dist, out=out, tell=tell)
    if as_json:
        print_json(_as_json(built, check=check))
    else:
        _print(built, check=check)
    return FINDINGS if check and built.written else FINE


def _silent(text: str) -> None:
    """Where JSON is asked for, nothing is told along the way."""


def _interpreter(python: str | None) -> str:
    import sys

    from ..project import find_environment

    environment = find_environment(python)
    if environment.own:
        return sys.executable
    places = (environment.prefix / "bin" / "python", environment.prefix / "Scripts" / "python.exe")
    return next((str(path) for path in places if path.exists()), sys.executable)


def _as_json(built: Built, *, check: bool) -> dict[str, object]:
    import hashlib

    return {
        "package": built.package.name,
        "written": not check,
        "files": [str(file.path) for file in built.generated if file.data is not None],
        "changed": [str(file.path) for file in built.written],
        "exports": built.exports,
        "distributions": [
            {"path": str(path), "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            for path in built.distributions
        ],
    }


def _print(built: Built, *, check: bool) -> None:
    root = built.package.root
    for file in built.written:
        print_line(f"{_sign(file)} {file.path.relative_to(root)}")
    name, changed = built.package.name, len(built.written)
    if check:
        note(f"{name}: {changed or 'none'} of {len(built.generated)} generated files would change")
        return
    note(f"{name}: {changed} generated files written, {len(built.generated) - changed} as they were")
    for path in built.distributions:
        print_line(f"{path} ({path.stat().st_size / 1000:.1f} kB)")
    if built.distributions:
        note(f"the wheel holds all {built.exports} exports")


def _sign(file: Generated) -> str:
    sign, colour = ("-", "red") if file.data is None else ("+", "green") if file.before is None else ("~", "yellow")
    return click.style(sign, fg=colour)
