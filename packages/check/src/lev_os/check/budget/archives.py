"""The size of a wheel and of an npm twin, and of the files in them."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
import zlib
from pathlib import Path

from lev_os.core.errors import LevError

from ..manifests.targets import files_below
from ..manifests.wheels import BuildProject
from .model import Measure, Part

_LEFT_OUT = {"node_modules", "lev-export.lock"}
"""What lies in the folder of a twin and is not published."""
_MANIFEST = "llm/lev.toml"
"""Where `lev export --to npm` puts the manifest of the package that a twin is made of."""


def latest_wheel(project: BuildProject, root: Path) -> Path | None:
    """The newest wheel of a project in `dist/`, of it or of its workspace; None without one."""
    name = re.sub(r"[-_.]+", "_", str(project.data["project"].get("name", ""))).lower()
    places = [project.folder / "dist", *(folder / "dist" for folder in project.folder.parents[:3])]
    wheels = [path for place in places for path in place.glob("*.whl") if path.name.lower().startswith(f"{name}-")]
    return max(wheels, key=lambda path: path.stat().st_mtime, default=None)


def wheel_measure(wheel: Path, limit: int | None, package: str | None = None) -> Measure:
    """The bytes of a wheel, in kB of 1,000; its parts are its files as they are packed.

    Raises `LevError` for one that cannot be read, or that holds others than the package that should be in it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            parts = [Part(item.filename, item.compress_size / 1000) for item in archive.infolist()]
        size = wheel.stat().st_size / 1000
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise LevError(f"{wheel} is not a wheel that can be read: {error}", help="build it with `lev build`") from None
    held = [part.name.removesuffix("/lev.toml").replace("/", ".") for part in parts if part.name.endswith("/lev.toml")]
    if package is not None and held and package not in held:
        raise _of_another(wheel, "wheel", held[0], package)
    return Measure("wheel-kb", wheel.name, round(size, 1), limit, pieces=lambda: tuple(parts))


def twin_measure(twin: Path, limit: int | None, package: str) -> Measure:
    """The bytes of an npm package: of the file that `npm pack` made, or of a folder's files, compressed.

    Raises `LevError` for one that cannot be read, or that is made of another package.
    """
    manifest = b""
    try:
        if twin.is_dir():
            paths = [path for path in files_below(twin, ".") if not _LEFT_OUT & {*path.relative_to(twin).parts}]
            parts = [
                Part(path.relative_to(twin).as_posix(), len(zlib.compress(path.read_bytes(), 6)) / 1000)
                for path in paths
            ]
            size, note = sum(part.value for part in parts), "compressed file by file"
            if (twin / _MANIFEST).is_file():
                manifest = (twin / _MANIFEST).read_bytes()
        else:
            with tarfile.open(twin) as archive:
                files = [item for item in archive.getmembers() if item.isfile()]
                parts = [Part(item.name, item.size / 1000) for item in files]
                for item in files:
                    if item.name.partition("/")[2] == _MANIFEST and (stream := archive.extractfile(item)) is not None:
                        manifest = stream.read()
            size, note = twin.stat().st_size / 1000, "its parts are not compressed"
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise LevError(f"{twin} is not an npm package that can be read: {error}") from None
    made_of = _name_in(manifest)
    if made_of is not None and made_of != package:
        raise _of_another(twin, "twin", made_of, package)
    return Measure("twin-kb", twin.name, round(size, 1), limit, note=note, pieces=lambda: tuple(parts))


def _name_in(manifest: bytes) -> str | None:
    """The name that a manifest gives its package, if it does."""
    try:
        name = tomllib.loads(manifest.decode()).get("name")
    except ValueError:
        return None
    return name if isinstance(name, str) else None


def _of_another(path: Path, what: str, found: str, package: str) -> LevError:
    return LevError(f"{path} is the {what} of {found}, not of {package}", help="name that of the package")
