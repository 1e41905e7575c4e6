"""From what a person writes (a package, a specifier, a file, an object) to what a capability needs."""

from __future__ import annotations

from pathlib import Path

from lev_os.core import Constitution, LevError, load_package
from lev_os.core.packaging import Package, find


def constitution_of(spec: str | Path | Constitution) -> Constitution:
    """A package's constitution (the baseline, when it has none), an exported one, a file's, or the object itself."""
    if isinstance(spec, Constitution):
        return spec
    if isinstance(spec, Path) or spec.endswith((".yaml", ".yml")):
        return _read(Path(spec), None)
    if "/" in spec.removeprefix("lev://"):
        package, subpath = find(spec)
        text, path = package.read(subpath)
        return Constitution.parse(text, path=str(path), package=package, specifier=package.specifier(subpath))
    package = load_package(spec)
    path_ = package.constitution_path
    return Constitution.baseline() if path_ is None else _read(path_, package)


def _read(path: Path, package: Package | None) -> Constitution:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LevError(f"cannot read the constitution {path}: {error.strerror}") from None
    specifier = None if package is None else package.name
    return Constitution.parse(text, path=str(path), package=package, specifier=specifier)
