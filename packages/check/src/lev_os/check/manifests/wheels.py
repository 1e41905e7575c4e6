"""What of a package goes into its wheel, by the settings of the project that builds it."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

_LEVELS = 5
"""How far above a package its project may lie, and above that its workspace."""
_EXCLUDING = {
    "uv_build": (("uv", "build-backend", "wheel-exclude"), ("uv", "build-backend", "source-exclude")),
    "hatchling": (("hatch", "build", "targets", "wheel", "exclude"), ("hatch", "build", "exclude")),
}
"""The settings of build backends that take files out of the wheel."""
_MORE_SETUPTOOLS = ("MANIFEST.in", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class BuildProject:
    """A `pyproject.toml` that can be read, and the folder it lies in."""

    folder: Path
    data: Mapping[str, Any]

    @property
    def backend(self) -> str:
        """The first part of the build backend's name; setuptools when there is none."""
        name = self.data.get("build-system", {}).get("build-backend", "setuptools.build_meta")
        return str(name).partition(".")[0].partition(":")[0]

    def setting(self, *path: str) -> Any:
        """A value below `tool`; None when there is none."""
        value: Any = self.data.get("tool", {})
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


def project_of(root: Path) -> BuildProject | None:
    """The nearest project around a package that has a `[project]` table."""
    for folder in (root, *root.parents[:_LEVELS]):
        found = _project_in(folder)
        if found is not None:
            return found if isinstance(found.data.get("project"), Mapping) else None
    return None


def _project_in(folder: Path) -> BuildProject | None:
    file = folder / "pyproject.toml"
    try:
        status = file.stat()
    except OSError:
        return None
    return BuildProject(folder, _read(file, status.st_mtime_ns, status.st_size))


@dataclass(frozen=True)
class Wheel:
    """A wheel that was built from the sources as they are now, and the names of its files."""

    path: Path
    names: frozenset[str]


def built_wheel(project: BuildProject, newest: float) -> Wheel | None:
    """The latest wheel of the project in `dist/`; None when it is older than `newest`, or cannot be read."""
    name = re.sub(r"[-_.]+", "_", str(project.data["project"].get("name", ""))).lower()
    wheels = [path for path in (project.folder / "dist").glob("*.whl") if path.name.lower().startswith(f"{name}-")]
    try:
        latest = max(wheels, key=lambda path: path.stat().st_mtime, default=None)
        if latest is None or latest.stat().st_mtime < newest:
            return None
        with zipfile.ZipFile(latest) as archive:
            return Wheel(latest, frozenset(archive.namelist()))
    except (OSError, zipfile.BadZipFile, ValueError):
        return None


def sources_of(root: Path, project: BuildProject | None) -> Iterator[Path]:
    """The files and folders that say how a package is built, those that are not there among them."""
    for folder in (root, *root.parents[: 2 * _LEVELS]):
        yield folder / "pyproject.toml"
    if project is not None:
        yield from (project.folder / name for name in (*_MORE_SETUPTOOLS, "dist"))
        yield from sorted((project.folder / "dist").glob("*.whl"))
        if is_plugin(project):
            yield from (member.folder / "pyproject.toml" for member in _workspace(project.folder))


def is_plugin(project: BuildProject) -> bool:
    """Whether a project offers itself as a plugin: an entry point of ours other than that of packages."""
    points = project.data["project"].get("entry-points", {})
    return any(group.startswith("lev_os.") and group != "lev_os.packages" for group in points)


def relying_on(project: BuildProject) -> Iterator[BuildProject]:
    """The other members of the project's uv workspace that cannot be installed without it."""
    name = _normal(str(project.data["project"].get("name", "")))
    for member in _workspace(project.folder):
        wanted = member.data["project"].get("dependencies", ())
        if member.folder != project.folder and name in {_normal(str(each)) for each in wanted}:
            yield member


def _workspace(folder: Path) -> Iterator[BuildProject]:
    for above in folder.parents[:_LEVELS]:
        root = _project_in(above)
        members = None if root is None else root.setting("uv", "workspace", "members")
        if isinstance(members, list):
            for glob in members:
                for path in sorted(above.glob(str(glob))):
                    member = _project_in(path)
                    if member is not None and isinstance(member.data.get("project"), Mapping):
                        yield member
            return


def _normal(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def left_out(project: BuildProject, path: Path) -> bool:
    """Whether a file of a package is surely not taken; false for what cannot be told."""
    if project.backend == "setuptools":
        return _setuptools(project, path)
    return way_in(project, path) is not None


def way_in(project: BuildProject, path: Path) -> str | None:
    """What to change in the project's settings to have a file of a package in the wheel; None when it is not left out
    by them."""
    if project.backend == "setuptools":
        return '[tool.setuptools.package-data] with "*" = ["*.toml", "**/*.md", "**/*.yaml"]'
    relative = path.relative_to(project.folder).as_posix() if path.is_relative_to(project.folder) else path.name
    for setting in _EXCLUDING.get(project.backend, ()):
        for glob in _globs(project, *setting):
            if _matches(relative, glob):
                return f'narrow "{glob}" in `{setting[-1]}` of [tool.{".".join(setting[:-1])}]'
    return None


def _setuptools(project: BuildProject, path: Path) -> bool:
    """Only what `package-data` names, unless a `MANIFEST.in`, a plugin or a script may say more."""
    if path.suffix == ".py" or any((project.folder / name).exists() for name in _MORE_SETUPTOOLS):
        return False
    requires = project.data.get("build-system", {}).get("requires", ())
    if any("scm" in str(name) or "setuptools-git" in str(name) for name in requires):
        return False
    data = project.setting("setuptools", "package-data") or {}
    globs = [glob for each in data.values() for glob in each] if isinstance(data, Mapping) else []
    return not any(fnmatch(path.as_posix(), f"*/{glob.replace('**/', '*')}") for glob in globs)


def _globs(project: BuildProject, *path: str) -> list[str]:
    found = project.setting(*path)
    return [glob for glob in found if isinstance(glob, str)] if isinstance(found, list) else []


def _matches(relative: str, glob: str) -> bool:
    glob = glob.strip("/")
    return (
        fnmatch(relative, glob)
        or fnmatch(relative, f"*/{glob}")
        or fnmatch(relative, f"{glob}/*")
        or fnmatch(relative, f"*/{glob}/*")
    )


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
