"""Reading a package for its rules: every export once, by core, with all that is wrong collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lev_os.core import Constitution, Flow, Package
from lev_os.core.constitutional.parse import examine
from lev_os.core.errors import InvalidInput, LevError, Location, Problem
from lev_os.core.flowmind.parse import examine as examine_flow
from lev_os.core.packaging import Export
from lev_os.core.packaging.loading import import_name

from .files import File
from .project import FlowSubject, PackageSubject

Read = Callable[[Path, str], File | None]
_KINDS = {
    "context": "context",
    "personality": "context",
    "skill": "skill",
    "flow": "flow",
    "constitution": "constitution",
}


def read_package(root: Path, files: dict[Path, File], read: Read) -> PackageSubject:
    """The package in `root`; its files are added to `files`, with the kinds that its exports give them."""
    package = Package(import_name(root), root)
    problems: list[Problem] = []
    flows: list[FlowSubject] = []
    constitution: Constitution | None = Constitution.baseline()
    try:
        exports = package.exports()
    except InvalidInput as error:
        problems += error.problems
        exports = ()
    except LevError as error:
        problems.append(Problem("MAN401", error.message, Location(str(root / "lev.toml"), 1, 1), error.help))
        exports = ()
    own = {root / "lev.toml": files[root / "lev.toml"]} if root / "lev.toml" in files else {}
    for export, path in _targets(exports):
        file = files.get(path)
        if file is None or file.kind != _KINDS[export.kind]:
            file = read(path, _KINDS[export.kind])
        if file is None:
            continue
        own[path] = files[path] = file
        if export.kind == "flow":
            tree, found = examine_flow(file.text, path=str(path))
            problems += found
            if tree is not None:
                flow = Flow(tree, package, export.specifier, str(path))
                flows.append(FlowSubject(file, flow, export, found))
    path = package.constitution_path if not problems or exports else None
    if path is not None and (file := files.get(path) or read(path, "constitution")) is not None:
        own[path] = files[path] = file
        constitution, found = examine(file.text, package=package, path=str(path))
        problems += found
    return PackageSubject(package, own, tuple(flows), constitution, tuple(problems))


def _targets(exports: tuple[Export, ...]) -> Iterator[tuple[Export, Path]]:
    for export in exports:
        if export.kind in _KINDS and "llm" in export.conditions:
            try:
                path = export.package.target(export.subpath, "llm").path
            except LevError:
                continue
            if path is not None:
                yield export, path
