"""The rows of the table, and how it is printed."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison. `ours` and `theirs` are in `unit`; `ratio` is how many times better ours is."""

    what: str
    ours: float | None
    unit: str
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": load,
    }


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    return {"machine": machine(), "rows": [asdict(row) for row in rows]}


def as_text(rows: Sequence[Row]) -> str:
    """One aligned table; a missed target is marked, a peer that could not be had says why."""
    head = ("what", "Leviathan", "peer", "its figure", "ratio", "target", "")
    body = [
        (
            row.what,
            _figure(row.ours, row.unit),
            row.peer,
            _figure(row.theirs, row.unit),
            f"{row.ratio:.1f}x" if row.ratio is not None else "",
            row.target,
            {True: "met", False: "MISSED", None: ""}[row.met] + (f"  {row.note}" if row.note else ""),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    about = machine()
    lines = [
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, load {about['load']}"
    ]
    for line in (head, *body):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return "\n".join(lines)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:,.{digits}f} {unit}"
