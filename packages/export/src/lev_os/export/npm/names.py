"""What packages are called on npm, and which of them a package needs beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lev_os.core.errors import LevError
from lev_os.core.packaging.manifest import NPM_NAME

from .versions import npm_range

if TYPE_CHECKING:
    from lev_os.core import Package

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()@]*)\)?\s*(?:;.*)?", re.DOTALL)


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


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
