"""One check: files are read once, rules run over what they are about, and findings become diagnostics.

paths ─ walk ─> files ─ file rules, facts ─┐
                packages ─ read by core ───┼─ package, flow and project rules ─> diagnostics ─> Report
                environment ───────────────┘
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core.errors import InvalidInput, LevError, Problem

from .diagnostics import Diagnostic, NotChecked, Report
from .files import File
from .packages import read_package
from .project import Environment, Project
from .registry import matches, rules
from .rule import Finding, Rule, Subject
from .walk import walk

MAX_BYTES = 8 * 1024 * 1024
"""Larger files are reported as not checked."""


@dataclass
class Check:
    """One run over some paths; `diagnostics` and `not_checked` grow while it goes."""

    root: Path
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    environment: Environment = field(default_factory=lambda: Environment(()))
    diagnostics: list[Diagnostic] = field(default_factory=list)
    not_checked: list[NotChecked] = field(default_factory=list)

    def run(self, paths: Sequence[Path]) -> Report:
        """Check everything under `paths`."""
        found = walk(paths)
        self.not_checked += found.not_checked
        files = {item.path: file for item in found.files if (file := self._read(item.path, item.kind))}
        packages = [read_package(manifest.parent, files, self._read) for manifest in found.manifests]
        for file in files.values():
            self._apply("file", file, file)
        for package in packages:
            self._report(package.problems, files)
            self._apply("package", package, None, files)
            for flow in package.flows:
                self._report(flow.link_problems, files)
                self._apply("flow", flow, flow.file)
        project = Project(self.root, tuple(files.values()), tuple(packages), self.environment)
        self._apply("project", project, None, files)
        ordered = sorted(set(self.diagnostics), key=lambda d: (d.file, d.line, d.column, d.code, d.message))
        return Report(tuple(ordered), len(files), tuple(self.not_checked))

    def _read(self, path: Path, kind: str) -> File | None:
        name = self._shown(path)
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                reason = f"it has {size:,} bytes; at most {MAX_BYTES:,} are read"
            else:
                return File(path, name, kind, path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError as error:
            reason = f"byte 0x{error.object[error.start]:02x} at offset {error.start} is not UTF-8"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        self.not_checked.append(NotChecked(name, reason))
        return None

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _wanted(self, code: str) -> bool:
        return (not self.select or matches(code, self.select)) and not matches(code, self.ignore)

    def _apply(self, on: Subject, subject: Any, file: File | None, files: dict[Path, File] | None = None) -> None:
        for rule in rules().values():
            if rule.on != on or rule.check is None or not self._wanted(rule.code):
                continue
            if on == "file" and file is not None and rule.kinds and file.kind not in rule.kinds:
                continue
            try:
                for finding in rule.check(subject):
                    place = file if finding.file is None else (files or {}).get(Path(finding.file))
                    if place is not None:
                        self.diagnostics.append(_diagnostic(rule, finding, place))
            except (InvalidInput, LevError):
                continue  # reading it has reported that already

    def _report(self, problems: Iterable[Problem], files: dict[Path, File]) -> None:
        """Make diagnostics of what reading has reported."""
        by_name = {str(path): file for path, file in files.items()} | {file.name: file for file in files.values()}
        for problem in problems:
            if self._wanted(problem.code):
                self.diagnostics.append(_of_problem(problem, by_name.get(problem.at.path or ""), self._shown))


def _diagnostic(rule: Rule, finding: Finding, file: File) -> Diagnostic:
    (line, column), (end_line, end_column) = file.place(finding.span[0]), file.place(finding.span[1])
    return Diagnostic(
        rule.code, finding.severity or rule.severity, file.name, line, column, end_line, end_column,
        finding.message, finding.help, finding.confidence or rule.confidence, finding.fix,
    )  # fmt: skip


def _of_problem(problem: Problem, file: File | None, shown: Any) -> Diagnostic:
    line, column = problem.at.line or 1, problem.at.column or 1
    end = file.place(file.span_at(line, column)[1]) if file is not None else (line, column)
    name = file.name if file is not None else shown(Path(problem.at.path)) if problem.at.path else ""
    return Diagnostic(
        problem.code, problem.severity, name, line, column, *end, problem.message, problem.help,
    )  # fmt: skip


def check(paths: Iterable[str | os.PathLike[str]], *, select: Iterable[str] = (), ignore: Iterable[str] = ()) -> Report:
    """Check files and folders. `select` and `ignore` are codes or their beginnings (`CTX`, `CTX3`, `CTX301`).

    Anything wrong with what is checked is in the report; nothing of it is imported or run.
    """
    return Check(Path.cwd(), tuple(select), tuple(ignore)).run([Path(path).absolute() for path in paths])
