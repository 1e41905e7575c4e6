"""What starting costs: the CPU of a process, over that of bare Python."""

from __future__ import annotations

import sys
from pathlib import Path

from .measure import child_cpu, rounds
from .table import Row


def measure(count: int) -> list[Row]:
    lev = str(Path(sys.executable).parent / "lev")

    def several(*command: str) -> float:
        """One process is near the clock's resolution, so ten are timed together."""
        return sum(child_cpu(command) for _ in range(10)) / 10 * 1000

    found = rounds(
        {
            "bare": lambda: several(sys.executable, "-c", "pass"),
            "import": lambda: several(sys.executable, "-c", "import lev_os.core"),
            "version": lambda: several(lev, "--version"),
        },
        count,
    )
    rows = []
    for key, what, limit in (("import", "import lev_os.core", 40), ("version", "lev --version", 80)):
        over = found[key] - found["bare"]
        what = f"{what}, over bare Python"
        rows.append(Row(what, over, "CPU ms", "bare Python", found["bare"], None, f"<= {limit} CPU ms", over <= limit))
    return rows
