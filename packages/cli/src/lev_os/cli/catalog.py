"""The packages and exports a command can name, and the way from a specifier to them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from lev_os.core.errors import LevError

from .errors import UsageProblem
from .project import activate, find_environment, project_root, source_paths

if TYPE_CHECKING:
    from lev_os.core.packaging import Discovery, Export, Package, Target


def discovery(python: str | None = None) -> Discovery:
    """Every package of the project's environment, the project's own sources first; imports none of them."""
    from lev_os.core.packaging import discover, environment_paths

    own = [str(project_root())] if source_paths() else []
    if python is None:
        return discover((*own, *environment_paths()))
    return discover((*own, *environment_paths(python=str(find_environment(python).prefix / "bin" / "python"))))


def make_importable(python: str | None = None) -> None:
    """Let the project's packages be loaded in this process: its sources, and its environment's packages."""
    import sys

    activate(find_environment(python))
    sys.path[:0] = [path for path in source_paths() if path not in sys.path]


def locate(specifier: str, python: str | None = None) -> tuple[Package, str]:
    """The package and subpath of a specifier; an error names the nearest specifiers there are."""
    from lev_os.core.packaging import InvalidSpecifier, PackageNotFound, find, load_package

    make_importable(python)
    bare = specifier.removeprefix("lev://")
    try:
        if bare.startswith("./"):
            return load_package(_package_here(specifier)), specifier
        if "/" not in bare:
            return load_package(bare), "."
        return find(specifier)
    except InvalidSpecifier as problem:
        if ":" in bare:
            problem.help = _near(specifier, python) or problem.help
        raise
    except PackageNotFound as problem:
        problem.help = _near(specifier, python) or problem.help
        raise


def export_of(specifier: str, python: str | None = None) -> Export:
    """The export a specifier names."""
    from lev_os.core.packaging import ExportNotFound

    package, subpath = locate(specifier, python)
    try:
        return package.export(subpath)
    except ExportNotFound as problem:
        problem.help = _near(package.specifier(subpath), python) or problem.help
        raise


def target_of(specifier: str, condition: str, python: str | None = None) -> Target:
    """What a specifier stands for under a condition; a file that its export map only dreams of is an error."""
    from lev_os.core.packaging import ExportNotFound

    package, subpath = locate(specifier, python)
    try:
        target = package.resolve(subpath, condition)
        if target.path is not None and not target.path.exists():
            package.export(subpath)  # knows which files there are
        return target
    except ExportNotFound as problem:
        if not _is_exported(package, subpath):
            problem.help = _near(package.specifier(subpath), python) or problem.help
        raise


def _is_exported(package: Package, subpath: str) -> bool:
    try:
        return bool(package.export(subpath).conditions)
    except LevError:
        return False


def unknown_package(name: str, python: str | None = None) -> UsageProblem:
    """The error for a package that is not there."""
    near = _near(name, python)
    return UsageProblem(f"there is no package {name}", help=near or "`lev list` shows the packages there are")


def _near(specifier: str, python: str | None) -> str | None:
    """The specifiers and packages whose names are nearest to a name that leads nowhere."""
    wanted = specifier.removeprefix("lev://")
    if meant := _meant(wanted, python):
        return _did_you_mean(meant[:3])
    names = specifiers(python) if "/" in wanted else (package.name for package in discovery(python).packages)
    near = [name for name in difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.6) if name != wanted]
    return _did_you_mean(near) if near else None


def _did_you_mean(names: Collection[str]) -> str:
    return "did you mean " + " or ".join(f"`{name}`" for name in names) + "?"


def _meant(wanted: str, python: str | None) -> list[str]:
    """The exports meant by a Python spelling (`acme.flows:triage`), or by the last part of a name alone."""
    plain = _plain(wanted)
    return [name for name in specifiers(python) if plain in (_plain(name), _plain(name.rpartition("/")[2]))]


def _plain(name: str) -> str:
    return name.replace(":", "/").replace(".", "/").replace("-", "_")


def specifiers(python: str | None = None, kinds: Collection[str] = ()) -> Iterator[str]:
    """Every specifier of every package that can be read, of the given kinds (none given: all)."""
    for package in discovery(python).packages:
        yield from _specifiers_of(package, kinds)


def complete(incomplete: str, kinds: Collection[str], python: str | None) -> list[str]:
    """What a specifier that begins like this may become: packages, then what one of them exports."""
    try:
        packages = discovery(python).packages
        wanted = incomplete.removeprefix("lev://")
        owner = wanted.partition("/")[0]
        inside = [package for package in packages if package.name == owner]
        if not inside:
            inside = [package for package in packages if package.name.startswith(wanted)]
        found = [name for package in inside for name in _specifiers_of(package, kinds) if name.startswith(wanted)]
    except (LevError, OSError):
        return []
    scheme = incomplete[: len(incomplete) - len(wanted)]
    return [scheme + name for name in found]


def _specifiers_of(package: Package, kinds: Collection[str]) -> list[str]:
    if package.error:
        return []
    try:
        return [export.specifier for export in package.exports() if not kinds or export.kind in kinds]
    except LevError:
        return []


def _package_here(specifier: str) -> str:
    from pathlib import Path

    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "lev.toml").is_file():
            return folder.name
    own = [manifest.parent.name for path in source_paths() for manifest in Path(path).glob("*/lev.toml")]
    if len(own) == 1:
        return own[0]
    raise UsageProblem(
        f"{specifier} starts with ./, and it is not clear in which package",
        help="name the package (`acme_support/…`), or go into the folder that holds its lev.toml",
    )
