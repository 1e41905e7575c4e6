"""Wheels and sdists as the same bytes, wherever and whenever they are made.

What differs between two builds of the same files (times, permissions, owners, the order of a folder) is made the same.
The compressed bytes are those of this Python's zlib.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from pathlib import Path

EARLIEST = 315532800
"""1980-01-01: no file in a zip archive is older."""


def build_time() -> int:
    """The time that the files of a build get: `SOURCE_DATE_EPOCH`, else the earliest that a wheel can hold."""
    try:
        return max(int(os.environ.get("SOURCE_DATE_EPOCH", "")), EARLIEST)
    except ValueError:
        return EARLIEST


def normal(path: Path, when: int) -> bytes:
    """A wheel or sdist with its files in order, all of one time and no owner, readable by all.

    Raises `OSError`, `zipfile.BadZipFile` or `tarfile.TarError` for a file that is neither.
    """
    return _wheel(path, when) if path.suffix == ".whl" else _sdist(path, when)


def _wheel(path: Path, when: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for item in sorted(old.infolist(), key=_metadata_last):
            if item.is_dir():
                continue
            info = zipfile.ZipInfo(item.filename, time.gmtime(when)[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (0o100000 | _mode(item.external_attr >> 16)) << 16
            new.writestr(info, old.read(item))
    return out.getvalue()


def _metadata_last(item: zipfile.ZipInfo) -> tuple[bool, bool, str]:
    """As the format wants it: `.dist-info` at the end, `RECORD` last."""
    folder, _, name = item.filename.rpartition("/")
    inside = folder.partition("/")[0].endswith(".dist-info")
    return inside, inside and name == "RECORD", item.filename


def _sdist(path: Path, when: int) -> bytes:
    out = io.BytesIO()
    with (
        tarfile.open(path) as old,
        gzip.GzipFile("", "wb", mtime=when, fileobj=out) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for item in sorted(old.getmembers(), key=lambda member: member.name):
            if item.isdir():
                continue
            content = old.extractfile(item) if item.isfile() else None
            info = tarfile.TarInfo(item.name)
            info.type, info.linkname, info.size = item.type, item.linkname, item.size if content else 0
            info.mtime, info.mode = when, _mode(item.mode)
            new.addfile(info, content)
    return out.getvalue()


def _mode(mode: int) -> int:
    return 0o755 if mode & 0o111 else 0o644
