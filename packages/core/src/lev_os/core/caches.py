"""Where a user's caches lie, and how one is replaced. Imports next to nothing."""

from __future__ import annotations

import os
import sys
import time

_MONTH = 30 * 24 * 3600


def cache_folder() -> str | None:
    """`LEV_CACHE_DIR`, else the platform's folder for a user's caches; None when there is no home for one."""
    chosen = os.environ.get("LEV_CACHE_DIR")
    if chosen:
        return chosen
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "leviathan") if base and os.path.isabs(base) else None


def replace_cache(file: str, data: bytes) -> None:
    """Replace a cache in one step, so that no reader sees half of it; one that cannot be written is no error.

    Others of its kind (the part of the name before the first hyphen) that were not replaced for a month go.
    """
    temporary = f"{file}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
        _forget_old(*os.path.split(file))
    except OSError:
        _remove(temporary)


def _forget_old(folder: str, name: str) -> None:
    kind = name.partition("-")[0] + "-"
    before = time.time() - _MONTH
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(kind) and entry.stat(follow_symlinks=False).st_mtime < before:
                _remove(entry.path)


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        return
