"""The packages of one check: outlined, read and parsed when they are first asked for, and their rules run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .applying import Locate, apply, of_problems, reading_failed
from .cache import files_below, states
from .diagnostics import Diagnostic
from .environment import Environment
from .files import File
from .project import FlowSubject, PackageSubject
from .selection import Selection

if TYPE_CHECKING:
    from lev_os.core import Package
    from lev_os.core.errors import Problem
    from lev_os.core.packaging import Resolver

    from .packages import Outline, Parsed


class Packages:
    """Packages by their folders. References between them are looked up in the project's environment."""

    def __init__(self, root: Path, environment: Environment) -> None:
        self._root = root
        self._environment = environment
        self._roots: Sequence[str] = ()
        self._outlines: dict[str, Outline] = {}
        self._subjects: dict[str, PackageSubject] = {}
        self._flows: dict[str, tuple[str, Package | None, Parsed]] = {}
        self._resolver: Resolver | None = None

    def begin(self, roots: Sequence[str]) -> None:
        """A new check, of the packages in these folders among others."""
        self._roots = roots
        self._outlines.clear()
        self._subjects.clear()
        self._resolver = None

    def kinds(self, root: str) -> dict[str, str]:
        """The kinds of the files that a package's exports name, by path."""
        return dict(self._outline(root).kinds())

    def subject(self, root: str, files: Mapping[str, File]) -> PackageSubject:
        """The package, with every flow of it that parses."""
        if root not in self._subjects:
            from .packages import read_package

            with self.resolving():
                self._subjects[root] = read_package(self._outline(root), files, self._parse, self._environment)
        return self._subjects[root]

    def diagnostics(
        self, root: str, files: Mapping[str, File], selection: Selection, locate: Locate
    ) -> list[Diagnostic]:
        """What is wrong with a package and its flows, apart from what stands in single files."""
        package = self.subject(root, files)
        manifest = files.get(os.path.join(root, "lev.toml"))
        with self.resolving():
            found = of_problems(package.problems, manifest, locate)
            if manifest is not None:
                found += apply(selection.on("package"), package, manifest, locate)
            for flow in package.flows:
                found += _about_flow(flow, selection, locate)
        return found

    def used(self, root: str) -> tuple[str, ...]:
        """What else the findings on a package rest on: what its rules have said, and `referred`."""
        subject = self._subjects.get(root)
        return (*(() if subject is None else subject.used), *self.referred())

    def referred(self) -> Iterator[str]:
        """The files and folders of all packages that references have led to so far."""
        for package in () if self._resolver is None else self._resolver.found:
            yield from files_below(str(package.root))

    def about_one(
        self, root: str, file: File, files: Mapping[str, File], selection: Selection, locate: Locate
    ) -> list[Diagnostic]:
        """As `diagnostics`, after one file has changed: of the flows, only it is looked at again."""
        if file.kind == "manifest" or file.where not in self.kinds(root):
            self._outlines.pop(root, None)
        self._subjects.pop(root, None)
        package = self.subject(root, files)
        manifest = files.get(os.path.join(root, "lev.toml"))
        with self.resolving():
            found = of_problems(package.problems, manifest, locate)
            if manifest is not None:
                found += apply(selection.on("package"), package, manifest, locate)
            for flow in package.flows:
                if flow.file.where == file.where:
                    found += _about_flow(flow, selection, locate)
        return found

    def about_loose(self, file: File, selection: Selection, locate: Locate) -> list[Diagnostic]:
        """What is wrong with a document that no export names; `./…` in it is of the package around it."""
        from .packages import agent_problems, read_constitution
        from .walk import package_around

        root = package_around(file.where)
        package = None if root is None else self._outline(root).package
        with self.resolving():
            if file.kind == "constitution":
                return of_problems(read_constitution(file, package)[1], file, locate)
            if file.kind == "declared-agent":
                return of_problems(agent_problems(file, package, None), file, locate)
            flow, problems = self._parse(file, package, None)
            found = of_problems(problems, file, locate)
            if flow is not None:
                found += _about_flow(FlowSubject(file, flow, problems=problems), selection, locate)
            return found

    def surroundings(self, begun: int) -> dict[str, int]:
        """The states of all that a package may rest on outside itself: what is installed, and other sources."""
        from lev_os.core.packaging import discover

        found = discover(self._paths())
        paths = [*found.sources, *self._environment.paths]
        for package in found.packages:
            root = str(package.root)
            if any(root.startswith(os.path.join(path, "")) for path in self._environment.paths):
                paths.append(os.path.join(root, "lev.toml"))  # one that is broken leads nowhere until it is mended
            else:
                paths += files_below(root)
        return states(paths, begun)

    def _outline(self, root: str) -> Outline:
        if root not in self._outlines:
            from .packages import outline

            with self.resolving():
                self._outlines[root] = outline(root)
        return self._outlines[root]

    def _parse(self, file: File, package: Package | None, specifier: str | None) -> Parsed:
        from .packages import parse_flow

        path = file.where
        known = self._flows.get(path)
        if known is None or known[0] != file.text or known[1] is not package:
            known = self._flows[path] = (file.text, package, parse_flow(file, package, specifier))
        return known[2]

    def _paths(self) -> tuple[str, ...]:
        from lev_os.core.packaging import environment_paths

        if self._environment.own:
            return (*self._roots, *environment_paths(self._root))
        python = os.path.join(str(self._environment.prefix), "bin", "python")
        return (*self._roots, *environment_paths(self._root, python=python))

    @contextmanager
    def resolving(self) -> Iterator[None]:
        """Inside it, references lead into the packages of this check and of the project's environment."""
        from lev_os.core.packaging import Resolver, resolving

        if self._resolver is None:
            self._resolver = Resolver(self._paths())
        with resolving(self._resolver):
            yield


def _about_flow(flow: FlowSubject, selection: Selection, locate: Locate) -> list[Diagnostic]:
    """What is wrong with what a flow refers to, and what the rules say of it."""
    try:
        problems = tuple(problem for problem in flow.link_problems if not _of_the_manifest(problem, flow.flow.package))
    except Exception as error:
        problems = (reading_failed(flow.file.where, error),)
    return [*of_problems(problems, flow.file, locate), *apply(selection.on("flow"), flow, flow.file, locate)]


def _of_the_manifest(problem: Problem, package: Package | None) -> bool:
    """Whether it is that the package's own constitution is not there, which is told of its manifest (MAN521)."""
    if package is None or problem.at.path != str(package.root / "lev.toml"):
        return False
    constitution = package.constitution_path
    return constitution is not None and not constitution.is_file()
