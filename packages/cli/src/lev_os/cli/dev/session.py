"""A session of `lev dev`: what is told, round by round."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from lev_os.check.outputs.text import visible
from lev_os.core.errors import LevError

from ..errors import INTERRUPTED, UsageProblem
from ..output import print_line
from ..project import source_paths
from .checking import Round, checker_of, look_at
from .watching import changes, stamps_of

if TYPE_CHECKING:
    from lev_os.check import Diagnostic
    from lev_os.check.engine import Checker

_SHOWN = 20


def find_root(given: str | None, python: str | None) -> Path:
    """The folder of the package to watch: of a path, of a name, or the one here. Broken packages count too."""
    if given is None or Path(given).exists():
        start = Path(os.path.abspath(given or "."))
        return _root_at(start.parent if start.is_file() else start, given)
    root = _root_of(given, python)
    if "site-packages" in root.parts:
        help = "give the path of its sources: an installed copy is not changed"
        raise UsageProblem(f"{given} is installed in {root}", help=help)
    return root


def _root_of(name: str, python: str | None) -> Path:
    from lev_os.core.packaging import load_package

    from ..catalog import discovery, make_importable, unknown_package

    for package in discovery(python).packages:
        if package.name == name:
            return package.root
    make_importable(python)
    try:
        return load_package(name).root
    except LevError:
        raise unknown_package(name, python) from None


def _root_at(folder: Path, given: str | None) -> Path:
    if (folder / "lev.toml").is_file():
        return folder
    below = sorted({file.parent for part in source_paths(folder) for file in Path(part).glob("*/lev.toml")})
    if len(below) == 1:
        return below[0]
    if below:
        names = ", ".join(path.name for path in below)
        raise UsageProblem(f"there are {len(below)} packages here: {names}", help="name one: `lev dev PACKAGE`")
    if given is None:
        above = next((parent for parent in folder.parents if (parent / "lev.toml").is_file()), None)
        if above is not None:
            return above
    raise UsageProblem(f"there is no lev.toml in {folder} or its src/*/", help="`lev new package NAME` makes one")


def watch(root: Path, python: str | None = None) -> int:
    """Look, and look again after every change, until interrupted."""
    try:
        before = stamps_of(root)
        checker = checker_of(root, python)
        last = look_at(root, checker)
        _tell(last.problems, root, "✗", "red")
        print_line(f"{summary(last, root)} · watching {_shown(root, root.parent)}, stop with Ctrl-C")
        sys.stdout.flush()
        for changed, _ in changes(root, before):
            last = _again(root, changed, last, checker)
    except KeyboardInterrupt:
        print_line("stopped")
        return INTERRUPTED
    return 0


def _again(root: Path, changed: list[Path], last: Round, checker: Checker) -> Round:
    now = look_at(root, checker)
    names = ", ".join(_shown(path, root) for path in changed[:3]) + (" …" if len(changed) > 3 else "")
    print_line(click.style(f"{time.strftime('%H:%M:%S')} {names}", dim=True))
    old, new = {_identity(p): p for p in last.problems}, {_identity(p): p for p in now.problems}
    _tell((problem for key, problem in old.items() if key not in new), root, "✓ gone:", "green", short=True)
    _tell((problem for key, problem in new.items() if key not in old), root, "✗", "red")
    print_line(summary(now, root))
    sys.stdout.flush()
    return now


def summary(found: Round, root: Path) -> str:
    """What there is and what is wrong with it, in one line."""
    counts = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(found.kinds.items()))
    errors, warnings = found.errors, len(found.problems) - found.errors
    said = [f"{count} {what}{'s' * (count > 1)}" for count, what in ((errors, "error"), (warnings, "warning")) if count]
    parts = [f"{click.style(found.name, bold=True)}: {counts or 'nothing exported'}", ", ".join(said) or "no problems"]
    if found.written:
        parts.append("wrote " + ", ".join(_shown(path, root) for path in found.written))
    return " · ".join(parts)


def _tell(problems: Iterable[Diagnostic], root: Path, mark: str, colour: str, *, short: bool = False) -> None:
    listed = list(problems)
    for problem in listed[:_SHOWN]:
        place = f"{visible(problem.file)}:{problem.line}:{problem.column}"
        sign = click.style(mark, fg="yellow" if problem.severity == "warning" else colour)
        print_line(f"{sign} {click.style(place, bold=True)} {problem.code} {visible(problem.message)}")
        if problem.help and not short:
            print_line(f"    help: {visible(problem.help)}")
    if len(listed) > _SHOWN:
        print_line(f"  and {len(listed) - _SHOWN} more")


def tell_all(found: Round, root: Path) -> None:
    """Every problem of a round, and its summary."""
    _tell(found.problems, root, "✗", "red")
    print_line(summary(found, root))


def _identity(problem: Diagnostic) -> tuple[str, str, str]:
    """A problem is the same one when lines above it come or go."""
    return problem.code, problem.message, problem.file


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
