"""A package as an npm package: everything that `npm pack` puts into the tarball."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import LevError

from ..about import About, about
from ..target import Lost, Rendered
from ..targets._parts import Parts
from ..targets._skill import placed, skills_of
from .entries import Paths, entry, index_names
from .modules import index_files, module_files, types_files
from .names import npm_name, peers
from .parts import Part, Raw, raw_of, read_parts
from .versions import npm_version

if TYPE_CHECKING:
    from lev_os.core import Package

_UNKNOWN = "0.0.0"


def render(packages: Sequence[Package]) -> Rendered:
    """The twin of one package at the root of the output; of several, a folder for each.

    Raises `LevError` for a name or version that npm cannot have, `InvalidInput` for an export that cannot be read.
    """
    files: dict[str, bytes] = {}
    lost: list[Lost] = []
    for package in packages:
        twin = _twin(package, packages)
        folder = f"{npm_name(package).removeprefix('@').replace('/', '-')}/" if len(packages) > 1 else ""
        files |= {folder + path: data for path, data in twin.files.items()}
        lost += twin.lost
    return Rendered(files=files, lost=tuple(lost))


def _twin(package: Package, beside: Sequence[Package]) -> Rendered:
    parts, lost = read_parts(package)
    known = about(package)
    if known.version is None:
        lost.append(Lost(package.name, f"its version is not known: the twin has {_UNKNOWN}"))
    if not known.repository:
        lost.append(Lost(package.name, "names no repository in [project.urls]: TanStack Intent lists no skill of it"))
    paths = Paths()
    files = types_files()
    exports: dict[str, Any] = {}
    modules: dict[str, Part] = {}
    for part in parts:
        module = paths.module(part.export.subpath)
        modules[module] = part
        exports[part.export.subpath] = _place(part, module, paths, files)
    names = index_names(modules)
    files |= index_files(names)
    whole = entry("dist/index", on_request=None, first=None, raw=_put(_root(package), paths, files))
    exports = {".": whole, **exports, "./package.json": "./package.json"}
    skills = skills_of([Parts(package)])
    # Where Intent and library-skills look in npm packages: each in another folder.
    skill = {**placed(skills, "skills").files, **placed(skills, ".agents/skills").files}
    if len({path.casefold() for path in skill}) == len(skill):
        files |= skill
    else:
        lost.append(Lost(package.name, "has names that differ only in case: there is no skill with both"))
    described = _package_json(package, known, exports, modules, peers(package, known.requires, beside))
    files["package.json"] = (json.dumps(described, indent=2) + "\n").encode()
    files["README.md"] = _readme(package, described["name"], names, modules).encode("utf-8", "replace")
    if known.license_text is not None:
        files["LICENSE"] = known.license_text
    return Rendered(files=dict(sorted(files.items())), lost=tuple(lost))


def _place(part: Part, module: str, paths: Paths, files: dict[str, bytes]) -> dict[str, Any]:
    """Add the files of one export; its entry in `exports`."""
    files |= module_files(module, part, part.values)
    on_request = None
    if part.on_request is not None:
        on_request = paths.module(f"{part.export.subpath}-on-request")
        files |= module_files(on_request, part, part.on_request, typed=False)
    return entry(module, on_request=on_request, first=_put(part.first, paths, files), raw=_put(part.raw, paths, files))


def _put(raw: Raw | None, paths: Paths, files: dict[str, bytes]) -> str | None:
    if raw is None:
        return None
    path = paths.raw(raw)
    files[path] = raw.data
    return path


def _root(package: Package) -> Raw | None:
    """What a model gets for the package's own name."""
    try:
        export = package.export(".")
    except LevError:
        return None
    return raw_of(export, "llm") if "llm" in export.conditions else None


def _package_json(
    package: Package, known: About, exports: Mapping[str, Any], modules: Mapping[str, Part], needs: Mapping[str, str]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": npm_name(package),
        "version": _UNKNOWN if known.version is None else npm_version(known.version),
        "description": known.summary,
        "license": known.license.partition("\n")[0],
        "homepage": known.homepage,
        "repository": {"type": "git", "url": _git(known.repository)} if known.repository else None,
        "engines": {"node": ">=20"},
        "type": "module",
        "sideEffects": False,
        "main": "./dist/index.cjs",
        "module": "./dist/index.js",
        "types": "./dist/index.d.ts",
        # What reads no `exports` finds the types here.
        "typesVersions": {
            "*": {part.export.subpath.removeprefix("./"): [f"./{module}.d.cts"] for module, part in modules.items()}
        },
        "exports": exports,
        "files": ["dist", "llm", "skills", ".agents"],
        "peerDependencies": needs,
        # The twin is data and needs none of them to be read: what is there must fit, nothing is fetched for it.
        "peerDependenciesMeta": {name: {"optional": True} for name in needs},
    }
    if not modules:
        found["typesVersions"] = None
    return {key: value for key, value in found.items() if value or value is False}


def _git(address: str) -> str:
    """The address of a repository as npm normalises it."""
    if not address.startswith("https://"):
        return address
    return f"git+{address.rstrip('/').removesuffix('.git')}.git"


def _readme(package: Package, name: str, names: Mapping[str, str], modules: Mapping[str, Part]) -> str:
    lines = [f"# {name}", ""]
    if package.manifest.description:
        lines += [" ".join(package.manifest.description.split()), ""]
    lines += [f"Made by `lev export --to npm` from the Python package `{package.name}`: data, which runs nothing.", ""]
    if names:
        lines += ["| import | from | |", "|---|---|---|"]
    for export, module in names.items():
        part = modules[module]
        about = " ".join(str(part.values["description"]).replace("|", "\\|").split())
        lines.append(f"| `{export}` | `{name}/{part.export.subpath.removeprefix('./')}` | {about} |")
    return "\n".join(lines) + "\n"
