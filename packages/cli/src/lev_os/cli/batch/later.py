"""What became of the rows that waited for a person: the output file keeps what was written, the journals know more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from lev_os.core.errors import LevError


def as_it_stands(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as its run's journal has it now.

    Only a row that waited can have changed; one whose journal was forgotten, or cannot be read, stays as it is.
    """
    if row.get("status") != "waiting":
        return row
    from lev_os.core.bidirectional import read_journal
    from lev_os.core.bidirectional.places import journal_path
    from lev_os.core.bidirectional.replaying import rebuild, run_info

    try:
        path = journal_path(str(row.get("run")))
        info = run_info(path)
        if info.status in ("waiting", "damaged"):
            return row
        machine = rebuild(path, read_journal(path)).machine
    except (LevError, OSError):
        return row
    outcome = machine.outcome
    now = {
        "status": info.status if outcome is None else outcome.status,
        "output": None if outcome is None else outcome.output,
        "error": None if outcome is None else msgspec.to_builtins(outcome.error),
        "decisions": msgspec.to_builtins(tuple(machine.decisions)),
        "usage": msgspec.to_builtins(machine.usage),
        "waits": [],
    }
    return {**row, **now}
