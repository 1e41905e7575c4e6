"""Who may drive a run: an epoch that fences earlier holders.

The journal's own lock keeps two processes from writing one run at the same time, and the operating system drops it
when a process dies. The lease lies beside the journal; taking a run over raises its epoch, and tokens of earlier
epochs are refused from then on. A run that `lev run` started has no lease, and no host holds it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """`package` is where the run's tools and dependencies come from."""

    epoch: int
    package: str


def read(runs: Path, run: str) -> Lease | None:
    """The run's lease; None when no host holds it."""
    try:
        return msgspec.json.decode((runs / f"{run}.lease").read_bytes(), type=Lease)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write(runs: Path, run: str, lease: Lease) -> None:
    """Replace the run's lease so that a crash leaves the old or the new one; call it while the journal is open."""
    place = runs / f"{run}.lease"
    draft = place.with_suffix(".lease.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(lease))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)
