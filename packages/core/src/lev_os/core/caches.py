"""Where a user's caches lie, and how one is replaced. Imports next to nothing."""

from __future__ import annotations

import os
import sys
import time


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
    """Replace a cache in one step, so that no reader sees half of it; one that cannot be written is no error."""
    temporary = f"{file}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            return
