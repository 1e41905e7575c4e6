"""What a package's project says of it: name, version, licence, authors, addresses. Read, never imported.

A package in its sources says so in `pyproject.toml`, an installed one in the `METADATA` of its distribution.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lev_os.core import Package

__all__ = ["About", "Person", "about"]

_LINE = re.compile(r"^([A-Za-z-]+): ?(.*)$")
_LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "LICENCE.txt", "COPYING")
_MCP_NAME = re.compile(r"mcp-name:\s*([a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """`distribution` is what is installed. `urls` has lower-case labels. `mcp_name` stands in the README.

    `requires` are requirements as they are written, those of extras too; `license_text` is the licence's file.
    """

    distribution: str
    version: str | None
    summary: str
    license: str = ""
    authors: tuple[Person, ...] = ()
    keywords: tuple[str, ...] = ()
    urls: Mapping[str, str] | None = None
    mcp_name: str | None = None
    scripts: frozenset[str] = frozenset()
    requires: tuple[str, ...] = ()
    license_text: bytes | None = None

    @property
    def homepage(self) -> str:
        return self._url("homepage", "home-page", "documentation")

    @property
    def repository(self) -> str:
        return self._url("repository", "source", "source code", "github", "code")

    def _url(self, *labels: str) -> str:
        urls = self.urls or {}
        return next((urls[label] for label in labels if label in urls), "")

    @property
    def requirement(self) -> str:
        """What an installer is given: `acme-support==0.1.0`."""
        return f"{self.distribution}=={self.version}" if self.version else self.distribution


def about(package: Package) -> About:
    """What is known of a package; its manifest's description comes before the project's."""
    found = _installed(package) or _project(package) or About(package.name.replace("_", "-"), None, "")
    return About(
        found.distribution,
        package.version or found.version,
        " ".join((package.manifest.description or found.summary).split()),
        found.license,
        found.authors,
        found.keywords,
        found.urls,
        found.mcp_name,
        found.scripts,
        found.requires,
        found.license_text,
    )


def _project(package: Package) -> About | None:
    """From the nearest `pyproject.toml` above, with a `[project]`."""
    for folder in list(package.root.resolve().parents)[:4]:
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            project = tomllib.loads(file.read_text("utf-8")).get("project")
        except (OSError, ValueError):
            return None
        return _from_project(project, folder) if isinstance(project, dict) and "name" in project else None
    return None


def _from_project(project: Mapping[str, Any], folder: Path) -> About:
    license_ = project.get("license", "")
    readme = project.get("readme", "")
    readme = readme.get("file", "") if isinstance(readme, dict) else readme
    return About(
        project["name"],
        project.get("version"),
        project.get("description", ""),
        license_ if isinstance(license_, str) else license_.get("text", ""),
        tuple(
            Person(item.get("name", ""), item.get("email", "")) for item in project.get("authors", ()) if "name" in item
        ),
        tuple(project.get("keywords", ())),
        {label.lower(): url for label, url in project.get("urls", {}).items()},
        _mcp_name(folder / readme) if readme else None,
        frozenset(project.get("scripts", {})),
        _requirements(project),
        _licence_text(folder),
    )


def _requirements(project: Mapping[str, Any]) -> tuple[str, ...]:
    listed = [project.get("dependencies", ()), *project.get("optional-dependencies", {}).values()]
    return tuple(item for items in listed for item in items if isinstance(item, str))


def _licence_text(folder: Path) -> bytes | None:
    for name in _LICENCES:
        try:
            return (folder / name).read_bytes()
        except OSError:
            continue
    return None


def _mcp_name(readme: Path) -> str | None:
    try:
        found = _MCP_NAME.search(readme.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return found[1] if found else None


def _installed(package: Package) -> About | None:
    """From the `METADATA` beside an installed package."""
    if package.distribution is None:
        return None
    site = package.root.parents[package.name.count(".")]
    stem = re.sub(r"[-_.]+", "_", package.distribution).lower()
    for folder in site.glob("*.dist-info"):
        if re.sub(r"[-_.]+", "_", folder.name.rpartition("-")[0].rpartition("-")[0]).lower() == stem:
            try:
                text = (folder / "METADATA").read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                return None
            return _from_metadata(text, folder)
    return None


def _from_metadata(text: str, folder: Path) -> About:
    head, _, body = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        if found := _LINE.match(line):
            fields.setdefault(found[1].lower(), []).append(found[2])

    def first(key: str) -> str:
        return fields.get(key, [""])[0]

    urls = {}
    for value in fields.get("project-url", ()):
        label, _, url = value.partition(", ")
        urls[label.lower()] = url
    if home := first("home-page"):
        urls.setdefault("homepage", home)
    people = [Person(name) for name in first("author").split(", ") if name]
    for value in first("author-email").split(", "):
        if found := re.fullmatch(r'"?([^"<]+?)"? <(.+)>', value):
            people.append(Person(found[1], found[2]))
    found_name = _MCP_NAME.search(body)
    return About(
        first("name"),
        first("version") or None,
        first("summary"),
        first("license-expression") or first("license"),
        tuple(people),
        tuple(word.strip() for word in first("keywords").split(",") if word.strip()),
        urls,
        found_name[1] if found_name else None,
        _scripts(folder / "entry_points.txt"),
        tuple(fields.get("requires-dist", ())),
        _licence_text(folder / "licenses"),
    )


def _scripts(file: Path) -> frozenset[str]:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return frozenset()
    section = re.search(r"^\[console_scripts\]\n((?:[^\[\n].*\n?|\n)*)", text, re.MULTILINE)
    names = section[1].splitlines() if section else []
    return frozenset(line.partition("=")[0].strip() for line in names if "=" in line)
