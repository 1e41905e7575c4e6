"""Writing a file in one step: whoever reads it sees what was there before, or all that is new."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Replace the contents of a file, keeping its mode; a link stays one. Raises `OSError`."""
    real = Path(os.path.realpath(path))
    temporary = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        mode = stat.S_IMODE(real.stat().st_mode)
    except FileNotFoundError:
        mode = None
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, real)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
