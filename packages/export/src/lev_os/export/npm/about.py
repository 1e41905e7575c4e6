"""What the project around a package says of it: name, version, licence, addresses, and what it depends on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import LevError
from lev_os.core.packaging.manifest import NPM_NAME

from .versions import npm_range

if TYPE_CHECKING:
    from lev_os.core import Package

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()@]*)\)?\s*(?:;.*)?", re.DOTALL)
_LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt", "COPYING")
_REPOSITORY = ("repository", "source", "source code", "sourcecode", "github", "code")


@dataclass(frozen=True, slots=True)
class About:
    """Facts for `package.json`; None or empty where nobody says them. `version` is Python's."""

    version: str | None = None
    description: str = ""
    license: str | None = None
    repository: str | None = None
    homepage: str | None = None
    requires: tuple[str, ...] = ()
    license_text: bytes | None = None


def about(package: Package) -> About:
    """From the `pyproject.toml` beside the sources, or from the metadata of what is installed."""
    base = package.root
    for _ in package.name.split("."):
        base = base.parent
    found = _of_project(package, base) or _of_installed(package, base) or About()
    version = package.version or found.version
    return About(
        version, package.manifest.description or found.description, found.license, found.repository, found.homepage,
        found.requires, found.license_text,
    )  # fmt: skip


def npm_name(package: Package) -> str:
    """`[npm] name` of the manifest, else by the import name: `acme-support`, `@lev-os/core` for `lev_os.core`.

    Raises `LevError` for an import name that npm has no name for.
    """
    if package.manifest.npm_name:
        return package.manifest.npm_name
    scope, _, rest = package.name.lower().replace("_", "-").partition(".")
    name = f"@{scope.strip('-')}/{rest.replace('.', '-').strip('-')}" if rest else scope.strip("-")
    if not NPM_NAME.fullmatch(name):
        raise LevError(f"{package.name} has no name that npm takes", help='write [npm] name = "…" in its lev.toml')
    return name


def peers(package: Package, requires: Iterable[str], beside: Sequence[Package]) -> dict[str, str]:
    """npm names and ranges of the packages with an export map that a package depends on, sorted.

    They are looked for among `beside` and in this environment; what is not found there has no twin that is known.
    """
    from lev_os.core.packaging.discovery import find_distribution

    known = {_normal(other.distribution): other for other in beside if other.distribution}
    found: dict[str, str] = {}
    for requirement in requires:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            continue
        other = known.get(_normal(match[1])) or find_distribution(match[1])
        if other is not None and other.error is None and other.name != package.name and other.manifest.exports:
            found[npm_name(other)] = npm_range(match[2]) or "*"
    return dict(sorted(found.items()))


def _of_project(package: Package, base: Path) -> About | None:
    import tomllib

    for folder in (base, base.parent):
        try:
            data = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        project = data.get("project")
        if not isinstance(project, Mapping):
            continue
        name = _text(project.get("name"))
        if package.distribution and _normal(name) != _normal(package.distribution):
            continue
        extras = project.get("optional-dependencies")
        listed = [project.get("dependencies"), *(extras.values() if isinstance(extras, Mapping) else ())]
        urls = project.get("urls")
        return About(
            _text(project.get("version")) or None,
            _text(project.get("description")),
            _licence(project.get("license")),
            *_addresses(urls.items() if isinstance(urls, Mapping) else ()),
            tuple(item for items in listed if isinstance(items, list) for item in items if isinstance(item, str)),
            _licence_text(folder),
        )
    return None


def _of_installed(package: Package, base: Path) -> About | None:
    from email import message_from_string

    folder = base / f"{package.distribution}-{package.version}.dist-info"
    try:
        said = message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    urls = [tuple(map(str.strip, line.split(",", 1))) for line in said.get_all("Project-URL", ()) if "," in line]
    licence = said.get("License-Expression") or said.get("License") or ""
    return About(
        said.get("Version"), said.get("Summary") or "", licence if "\n" not in licence and licence else None,
        *_addresses(urls), tuple(said.get_all("Requires-Dist", ())), _licence_text(folder / "licenses"),
    )  # fmt: skip


def _licence(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("text")
    return value if isinstance(value, str) and value and "\n" not in value else None


def _addresses(urls: Iterable[tuple[Any, ...]]) -> tuple[str | None, str | None]:
    """Repository and home page among the project's addresses, each a name and a URL."""
    named = {str(name).strip().lower(): str(url) for name, url in urls}
    repository = next((named[name] for name in _REPOSITORY if name in named), None)
    return repository, named.get("homepage") or named.get("documentation")


def _licence_text(folder: Path) -> bytes | None:
    for path in _candidates(folder):
        try:
            return path.read_bytes()
        except OSError:
            continue
    return None


def _candidates(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _LICENCES)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
