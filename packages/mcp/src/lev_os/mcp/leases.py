"""Who may drive a run: a lock file for the moment of a call, and an epoch that fences earlier holders.

The lock keeps two servers from writing one journal at the same time; the operating system drops it when a
process dies. The epoch lies beside the journal; taking a run over raises it, and tokens of earlier epochs are
refused from then on.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lev_os.core.errors import LevError

PATIENCE = 5.0
"""Seconds to wait for another server that is working on the same run."""
_PAUSE = 0.02


class RunBusy(LevError):
    """Another process is carrying out a step of the same run."""


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@asynccontextmanager
async def locked(runs: Path, run: str, *, patience: float = PATIENCE) -> AsyncIterator[None]:
    """Hold the run's lock for a block; raises `RunBusy` when another process keeps it longer than `patience`."""
    handle = os.open(runs / f"{run}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + patience
        while not _try_lock(handle):
            if time.monotonic() >= until:
                raise RunBusy(f"another server is working on run {run}", help="ask again with flow_status")
            await asyncio.sleep(_PAUSE)
        yield
    finally:
        os.close(handle)


def epoch(runs: Path, run: str) -> int | None:
    """The epoch of the run's lease; None when no host holds one (a run of `lev run`)."""
    try:
        return int((runs / f"{run}.lease").read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None


def grant(runs: Path, run: str, number: int) -> None:
    """Write the run's epoch so that it survives a crash at any moment; call it under the lock."""
    place = runs / f"{run}.lease"
    draft = place.with_suffix(".lease.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, str(number).encode("ascii"))
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(place)
