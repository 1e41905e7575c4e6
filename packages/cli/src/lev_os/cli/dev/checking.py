"""One look at a package: everything it exports is checked, and its stubs are refreshed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lev_os.core.errors import LevError

if TYPE_CHECKING:
    from lev_os.check import Diagnostic
    from lev_os.check.engine import Checker
    from lev_os.core.packaging import Package

STUB, UNREADABLE = "DEV101", "DEV102"
"""The codes of a stub that cannot be written, and of a file that cannot be read."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look found. `kinds` counts the exports, `written` are the stubs that have changed."""

    name: str
    problems: tuple[Diagnostic, ...]
    kinds: Counter[str]
    written: tuple[Path, ...] = ()

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)


def checker_of(root: Path, python: str | None = None) -> Checker:
    """What checks the package in `root`, look after look."""
    from lev_os.check.session import Request, new_checker

    return new_checker(Request((), python=python), str(root))


def look_at(root: Path, checker: Checker) -> Round:
    """Check the package whose `lev.toml` lies in `root`. Whatever is wrong with it is in the result, never raised."""
    from lev_os.check import Diagnostic
    from lev_os.core.packaging import load_package

    report = checker.check([root])
    problems = list(report.diagnostics)
    for item in report.not_checked:
        problems.append(Diagnostic(UNREADABLE, "error", item.file, 1, 1, 1, 1, f"it cannot be checked: {item.reason}"))
    kinds: Counter[str] = Counter()
    written: list[Path] = []
    name = root.name
    if (root / "lev.toml").is_file():
        try:
            package = load_package(root)
            name = package.name
            kinds.update(export.kind for export in package.exports())
        except LevError:
            pass  # the check has said why
        else:
            for path, fault in _refresh(package, written):
                shown = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
                problems.append(Diagnostic(STUB, "error", shown, 1, 1, 1, 1, fault[0], fault[1]))
    else:
        message = "the package is gone: there is no lev.toml"
        problems.append(Diagnostic(STUB, "error", "lev.toml", 1, 1, 1, 1, message))
    return Round(name, tuple(problems), kinds, tuple(written))


def _refresh(package: Package, written: list[Path]) -> list[tuple[Path, tuple[str, str | None]]]:
    """Write the stubs; one that would lose a flow which is broken just now stays as it is. Returns what went wrong."""
    from lev_os.core.packaging import Stub, stubs_of, write_stub

    stubs: dict[Path, Stub] = {}
    faults: list[tuple[Path, tuple[str, str | None]]] = []

    def attempt(path: Path, do: Callable[[], object]) -> None:
        try:
            do()
        except LevError as error:
            faults.append((path, (error.message, error.help)))
        except OSError as error:
            faults.append((path, (error.strerror or type(error).__name__, None)))

    attempt(package.root / "lev.toml", lambda: stubs.update(stubs_of(package)))
    for path, stub in stubs.items():
        if stub.complete or not path.exists():
            text = stub.text
            attempt(path, lambda path=path, text=text: written.extend([path] if write_stub(path, text) else []))  # type: ignore[misc]
    return faults
