"""Where an inherited constitution's text comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .constitution import BASELINE

if TYPE_CHECKING:
    from ..packaging import Package


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a constitution, and where it and its own references are looked up."""

    specifier: str
    text: str | bytes
    path: str | None = None
    package: Package | None = None


Resolve = Callable[[str, "Package | None"], Source]
"""Finds what a reference in a package's constitution names; raises `LevError` when there is none."""


def baseline_source() -> Source:
    """The text of the constitution that ships with core."""
    file = Path(__file__).parents[1] / "assets" / "constitution" / "baseline.yaml"
    return Source(BASELINE, file.read_bytes(), str(file))


def from_packages(reference: str, within: Package | None) -> Source:
    """Look a reference up among the installed packages."""
    if reference.removeprefix("lev://") == BASELINE:
        return baseline_source()
    from ..packaging import find

    package, subpath = find(reference, within=within)
    package.export(subpath)  # raises with the nearest names
    text, path = package.read(subpath)
    return Source(f"{package.name}/{subpath.removeprefix('./')}", text, str(path), package)
