"""Whether a wheel holds what its package exports: unpacked and read as a package, it is compared with the sources."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from lev_os.core import Package
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export

from .errors import BuildFailed

_SHOWN = 5


def check_wheel(package: Package, name: str, wheel: bytes, generated: Iterable[Path], scratch: Path) -> int:
    """How many exports the wheel holds: all of them, the same as in the sources. `scratch` is an empty folder.

    Raises `BuildFailed` that names what is missing or differs.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        archive.extractall(scratch)  # zipfile itself drops what would lead out of the folder
    inside = Package(package.name, scratch.joinpath(*package.name.split(".")))
    missing = [*_missing(package, inside), *_missing_files(package, inside, generated)]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise BuildFailed(
            f"{name} does not hold {', '.join(missing[:_SHOWN])}{more}",
            help="have the build backend take .toml, .md, .yaml, .json and .pyi files too: `lev explain MAN524`",
        )
    return len(package.exports())


def _missing(package: Package, inside: Package) -> Iterator[str]:
    if not (inside.root / "lev.toml").is_file():
        yield "lev.toml"
        return
    try:
        there = {export.subpath: export for export in inside.exports()}
    except LevError as error:
        raise BuildFailed(f"the package in the wheel cannot be read: {error}") from None
    for export in package.exports():
        found = there.get(export.subpath)
        if found is None:
            yield export.subpath
        elif lacking := set(export.conditions) - set(found.conditions):
            yield f"{export.subpath} for {', '.join(sorted(lacking))}"
        elif not _same(export, found):
            yield f"{export.subpath} as it is in the sources"
    written = package.manifest.constitution
    if written is not None and not inside.root.joinpath(written).is_file():
        yield written


def _same(export: Export, found: Export) -> bool:
    if found.kind != export.kind:
        return False
    if export.kind == "tool":
        return export.package.card(export.subpath).digest == found.package.card(found.subpath).digest
    conditions = [name for name in export.conditions if export.package.target(export.subpath, name).path is not None]
    return all(
        export.package.read_data(export.subpath, condition) == found.package.read_data(export.subpath, condition)
        for condition in conditions
    )


def _missing_files(package: Package, inside: Package, generated: Iterable[Path]) -> Iterator[str]:
    for path in generated:
        relative = path.relative_to(package.root)
        if not (inside.root / relative).is_file():
            yield relative.as_posix()
