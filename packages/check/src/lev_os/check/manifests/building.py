"""A package beside the project that builds it."""

from __future__ import annotations

from pathlib import Path

from ..project import PackageSubject
from .wheels import BuildProject, Wheel, built_wheel, project_of, sources_of


def project_around(subject: PackageSubject) -> BuildProject | None:
    """The project that builds the package; findings from then on rest on what it says.

    A package that lies deeper in a project than its sources do, such as an example or a fixture, is not built by it.
    """
    root = subject.package.root
    project = project_of(root)
    subject.uses(*sources_of(root, project))
    if project is None:
        return None
    inside = root.relative_to(project.folder).parts
    name = tuple(subject.package.name.split("."))
    outer = inside[: -len(name)] if inside[-len(name) :] == name else inside
    return project if len(outer) <= 1 else None


def own_files(subject: PackageSubject) -> list[Path]:
    """The manifest, and the files of the package that its exports name."""
    return sorted(path for path in subject.files if path.is_relative_to(subject.package.root))


def current_wheel(subject: PackageSubject) -> tuple[BuildProject | None, Wheel | None]:
    """The project around the package, and its wheel if that is no older than what it is made of."""
    project = project_around(subject)
    if project is None or not (project.folder / "dist").is_dir():
        return project, None
    try:
        newest = max(path.stat().st_mtime for path in (*own_files(subject), project.folder / "pyproject.toml"))
    except OSError:
        return project, None
    return project, built_wheel(project, newest)
