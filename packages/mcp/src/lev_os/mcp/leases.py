"""Who may drive a run: an epoch that fences earlier holders.

The journal's own lock keeps two processes from writing one run at the same time, and the operating system drops it
when a process dies. The epoch lies beside the journal; taking a run over raises it, and tokens of earlier epochs are
refused from then on. A run that `lev run` started has no epoch, and no host holds it.
"""

from __future__ import annotations

import os
from pathlib import Path


def epoch(runs: Path, run: str) -> int | None:
    """The epoch of the run's lease; None when no host holds one (a run of `lev run`)."""
    try:
        return int((runs / f"{run}.lease").read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None


def grant(runs: Path, run: str, number: int) -> None:
    """Write the run's epoch so that it survives a crash at any moment; call it while the journal is open."""
    place = runs / f"{run}.lease"
    draft = place.with_suffix(".lease.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, str(number).encode("ascii"))
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(place)
