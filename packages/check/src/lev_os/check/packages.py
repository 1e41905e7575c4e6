"""Reading a package for its rules: every export once, by core, with all that is wrong collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lev_os.core import Constitution, Flow, Package
from lev_os.core.agents.declaration import examine as examine_agent
from lev_os.core.agents.links import examine_links
from lev_os.core.constitutional.parse import examine
from lev_os.core.errors import InvalidInput, LevError, Location, Problem
from lev_os.core.flowmind.parse import examine as examine_flow
from lev_os.core.packaging import Export
from lev_os.core.packaging.loading import import_name

from .applying import reading_failed
from .environment import Environment
from .files import File
from .kinds import OF_EXPORTS
from .project import FlowSubject, PackageSubject
from .walk import MANIFEST

Parsed = tuple[Flow | None, tuple[Problem, ...]]
"""A flow as far as it can be read, and what is wrong with it."""
ParseFlow = Callable[[File, Package | None, str | None], Parsed]


@dataclass(frozen=True)
class Outline:
    """A package before its files are read: what its exports say each of them is, and what is wrong with that."""

    package: Package
    exports: Mapping[str, Export]
    """By path, those that stand for a file."""
    problems: tuple[Problem, ...]
    constitution: str | None

    def kinds(self) -> Iterator[tuple[str, str]]:
        """The path and kind of every file that rules look at."""
        yield str(self.package.root / MANIFEST), "manifest"
        for path, export in self.exports.items():
            yield path, OF_EXPORTS[export.kind]
        if self.constitution is not None:
            yield self.constitution, "constitution"


def outline(root: str) -> Outline:
    """What the package in `root` exports; it never raises for what stands in its files."""
    folder = Path(root)
    package = Package(import_name(folder), folder)
    try:
        exports, problems = package.exports(), ()
        constitution = package.constitution_path
    except InvalidInput as error:
        return _in_part(package, tuple(error.problems))
    except (LevError, OSError) as error:
        message = error.message if isinstance(error, LevError) else str(error)
        help = error.help if isinstance(error, LevError) else None
        problem = Problem("MAN401", message, Location(str(folder / MANIFEST), 1, 1), help)
        return Outline(package, {}, (problem,), None)
    except Exception as error:
        return Outline(package, {}, (reading_failed(str(folder / MANIFEST), error),), None)
    return Outline(package, dict(_targets(exports)), problems, None if constitution is None else str(constitution))


def _in_part(package: Package, problems: tuple[Problem, ...]) -> Outline:
    """The package with what can be read of its manifest. While an export is left out nobody knows what it is that
    flows and contexts refer to, so no file is read, and only the manifest's own rules have something to look at."""
    try:
        rest = package.examine()
        exports = () if rest.manifest.left_out else rest.exports()
        constitution = None if rest.manifest.left_out else rest.constitution_path
    except (LevError, OSError):
        return Outline(package, {}, problems, None)
    return Outline(rest, dict(_targets(exports)), problems, None if constitution is None else str(constitution))


def read_package(
    found: Outline, files: Mapping[str, File], parse: ParseFlow, environment: Environment
) -> PackageSubject:
    """The package with its flows parsed; `files` holds those of its files that could be read, by path."""
    problems = list(found.problems)
    flows: list[FlowSubject] = []
    own: dict[Path, File] = {}
    constitution: Constitution | None = Constitution.baseline()
    for path, _ in found.kinds():
        if (file := files.get(path)) is not None:
            own[Path(path)] = file
    for path, export in found.exports.items():
        file = files.get(path)
        if export.kind != "flow" or file is None:
            continue
        flow, wrong = parse(file, found.package, export.specifier)
        problems += wrong
        if flow is not None:
            flows.append(FlowSubject(file, flow, export, wrong))
    for path, export in found.exports.items():
        if export.kind == "agent" and (file := files.get(path)) is not None:
            problems += agent_problems(file, found.package, export.specifier)
    constitutions: dict[Path, Constitution] = {}
    for path in dict.fromkeys(path for path, kind in found.kinds() if kind == "constitution"):
        if (file := files.get(path)) is not None:
            read, faults = read_constitution(file, found.package)
            problems += faults
            if read is not None:
                constitutions[Path(path)] = read
    if found.constitution is not None:
        constitution = constitutions.get(Path(found.constitution))
    return PackageSubject(found.package, own, tuple(flows), constitution, tuple(problems), environment, constitutions)


def parse_flow(file: File, package: Package | None, specifier: str | None) -> Parsed:
    """The flow in a file, as far as it can be read."""
    try:
        tree, problems = examine_flow(file.text, path=file.where)
    except Exception as error:
        return None, (reading_failed(file.where, error),)
    flow = None if tree is None else Flow(tree, package, specifier, file.where)
    return flow, tuple(problems)


def read_constitution(file: File, package: Package | None) -> tuple[Constitution | None, Sequence[Problem]]:
    """The constitution in a file as far as it can be read, and what is wrong with it."""
    try:
        return examine(file.text, package=package, path=file.where)
    except Exception as error:
        return None, (reading_failed(file.where, error),)


def agent_problems(file: File, package: Package | None, specifier: str | None) -> Sequence[Problem]:
    """What is wrong with an agent's declaration, and with what it refers to; of a package's own constitution, that is
    told there."""
    try:
        declared, problems = examine_agent(file.text, package=package, path=file.where, specifier=specifier)
        if declared is not None:
            problems = [problem for problem in examine_links(declared)[1] if problem.at.path == file.where]
    except Exception as error:
        return (reading_failed(file.where, error),)
    return problems


def _targets(exports: tuple[Export, ...]) -> Iterator[tuple[str, Export]]:
    for export in exports:
        if export.kind in OF_EXPORTS and "llm" in export.conditions:
            try:
                path = export.package.target(export.subpath, "llm").path
            except LevError:
                continue
            if path is not None:
                yield str(path), export
