"""The three spellings of one name: `./contexts/x`, `acme_support/contexts/x`, `lev://acme_support/contexts/x`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import LevError
from ._files import path_fault

if TYPE_CHECKING:
    from .package import Package

_IMPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class InvalidSpecifier(LevError):
    """A reference that is none of the three spellings."""


def is_import_name(name: str) -> bool:
    """Whether `name` is a dotted Python name."""
    return _IMPORT_NAME.fullmatch(name) is not None


def parse_specifier(ref: str) -> tuple[str | None, str]:
    """`(package, subpath)`: the import name, None for a reference inside the package, and `.` or `./x`.

    Raises `InvalidSpecifier`, with the right spelling where it can be told.
    """
    text = ref.removeprefix("lev://")
    if ref.startswith("./"):
        return None, _checked(ref, text)
    if ref == ".":
        return None, "."
    name, slash, rest = text.partition("/")
    if not is_import_name(name):
        raise InvalidSpecifier(
            f"{_shown(ref)} is not a specifier: {_name_fault(name)}", help=_right_spelling(name, rest)
        )
    return name, _checked(ref, f"./{rest}") if slash else "."


def _checked(ref: str, subpath: str) -> str:
    if fault := path_fault(subpath) or ("it holds '*'" if "*" in subpath else None):
        raise InvalidSpecifier(f"{_shown(ref)} is not a specifier: {fault}")
    return subpath


def _shown(ref: str) -> str:
    return ascii(ref if len(ref) <= 120 else ref[:117] + "…")


def _name_fault(name: str) -> str:
    if not name:
        return "the package has no name"
    if _DISTRIBUTION.fullmatch(name) and "-" in name:
        return f"{name!r} is a distribution's name; packages go by their import name"
    return f"{_shown(name)} is not an import name"


def _right_spelling(name: str, rest: str) -> str:
    if _DISTRIBUTION.fullmatch(name) and is_import_name(name.replace("-", "_")):
        name = name.replace("-", "_")
        return f"write {name}/{rest}" if rest else f"write {name}"
    return "write ./contexts/x inside a package, acme_support/contexts/x from outside, lev:// before it for a URI"


def find(ref: str, *, within: Package | None = None) -> tuple[Package, str]:
    """The package and subpath that a reference names; `./x` is looked for in `within`.

    Raises `InvalidSpecifier`, `PackageNotFound`. That the subpath is exported is for `Package.export` to say.
    """
    return _default().find(ref, within)


@contextmanager
def resolving(resolver: Resolver) -> Iterator[None]:
    """Inside it, `find` asks this resolver: packages are those of another environment."""
    before = _shared[:]
    _shared[:] = [resolver]
    try:
        yield
    finally:
        _shared[:] = before


class Resolver:
    """Finds packages by name among `paths` (see `discover`), and remembers them while their manifests stay the same."""

    def __init__(self, paths: tuple[str, ...] | None = None) -> None:
        self._paths = paths
        self._known: dict[str, Package] = {}

    @property
    def found(self) -> tuple[Package, ...]:
        """The packages that have been asked for so far, and are there."""
        return tuple(self._known.values())

    def find(self, ref: str, within: Package | None = None) -> tuple[Package, str]:
        """As the function `find`."""
        try:
            return self._find(ref, within)
        except LevError as error:
            error.help = self._import_name(ref) or error.help
            raise

    def _import_name(self, ref: str) -> str | None:
        """The right spelling of a reference that begins with the name of an installed distribution."""
        from .discovery import find_distribution

        name, slash, rest = ref.removeprefix("lev://").partition("/")
        if not _DISTRIBUTION.fullmatch(name) or ref.startswith("./"):
            return None
        package = find_distribution(name, self._paths)
        return None if package is None or package.name == name else f"write {package.name}{slash}{rest}"

    def _find(self, ref: str, within: Package | None) -> tuple[Package, str]:
        name, subpath = parse_specifier(ref)
        if name is None:
            if within is None:
                raise InvalidSpecifier(
                    f"{_shown(ref)} is inside a package, and none is given", help="write package_name/… in its place"
                )
            return within, subpath
        if within is not None and within.name == name:
            return within, subpath
        return self.package(name), subpath

    def package(self, name: str) -> Package:
        """The package of that import name; raises `PackageNotFound`."""
        from .loading import load_package

        known = self._known.get(name)
        if known is None or not known.is_current():
            known = self._known[name] = load_package(name, paths=self._paths)
        return known


_shared: list[Resolver] = []


def _default() -> Resolver:
    if not _shared:
        _shared.append(Resolver())
    return _shared[0]
