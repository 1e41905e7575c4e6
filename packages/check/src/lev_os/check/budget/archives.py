"""The size of a wheel and of an npm twin, and of the files in them."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from pathlib import Path

from lev_os.core.errors import LevError

from ..manifests.targets import files_below
from ..manifests.wheels import BuildProject
from .model import Measure, Part

_LEFT_OUT = {"node_modules", "lev-export.lock"}
"""What lies in the folder of a twin and is not published."""


def latest_wheel(project: BuildProject, root: Path) -> Path | None:
    """The newest wheel of a project in `dist/`, of it or of its workspace; None without one."""
    name = re.sub(r"[-_.]+", "_", str(project.data["project"].get("name", ""))).lower()
    places = [project.folder / "dist", *(folder / "dist" for folder in project.folder.parents[:3])]
    wheels = [path for place in places for path in place.glob("*.whl") if path.name.lower().startswith(f"{name}-")]
    return max(wheels, key=lambda path: path.stat().st_mtime, default=None)


def wheel_measure(wheel: Path, limit: int | None) -> Measure:
    """The bytes of a wheel, in kB of 1,000; its parts are its files as they are packed."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            parts = [Part(item.filename, item.compress_size / 1000) for item in archive.infolist()]
        size = wheel.stat().st_size / 1000
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise LevError(f"{wheel} is not a wheel that can be read: {error}", help="build it with `lev build`") from None
    return Measure("wheel-kb", wheel.name, round(size, 1), limit, pieces=lambda: tuple(parts))


def twin_measure(twin: Path, limit: int | None) -> Measure:
    """The bytes of an npm package: of the file that `npm pack` made, or of a folder's files, compressed."""
    try:
        if twin.is_dir():
            files = [path for path in files_below(twin, ".") if not _LEFT_OUT & {*path.relative_to(twin).parts}]
            parts = [
                Part(path.relative_to(twin).as_posix(), len(zlib.compress(path.read_bytes(), 6)) / 1000)
                for path in files
            ]
            size, note = sum(part.value for part in parts), "compressed file by file"
        else:
            with tarfile.open(twin) as archive:
                parts = [Part(item.name, item.size / 1000) for item in archive.getmembers() if item.isfile()]
            size, note = twin.stat().st_size / 1000, "its parts are not compressed"
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise LevError(f"{twin} is not an npm package that can be read: {error}") from None
    return Measure("twin-kb", twin.name, round(size, 1), limit, note=note, pieces=lambda: tuple(parts))
