"""A package beside the project that builds it."""

from __future__ import annotations

from pathlib import Path

from ..project import PackageSubject
from .wheels import BuildProject, Wheel, built_wheel, project_of


def own_files(subject: PackageSubject) -> list[Path]:
    """The manifest, and the files of the package that its exports name."""
    return sorted(path for path in subject.files if path.is_relative_to(subject.package.root))


def current_wheel(subject: PackageSubject) -> tuple[BuildProject | None, Wheel | None]:
    """The project around the package, and its wheel if that is no older than what it is made of."""
    project = project_of(subject.package.root)
    if project is None or not (project.folder / "dist").is_dir():
        return project, None
    files = [*own_files(subject), project.folder / "pyproject.toml"]
    return project, built_wheel(project, max(path.stat().st_mtime for path in files))
