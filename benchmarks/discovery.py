"""Discovery among 300 installed distributions, 20 of them packages: with the index and without."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .generate import environment
from .measure import CannotMeasure, own, rounds, worker
from .table import Row

WARM_MS, COLD_MS = 0.5, 30.0


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = environment(Path(folder), distributions=300, announced=20)
        site = next((home / ".venv" / "lib").glob("*/site-packages"))

        def milliseconds(*arguments: object) -> float:
            said = worker(own(*map(str, arguments)))
            if said["packages"] != 20:
                raise CannotMeasure(f"20 packages are installed and {said['packages']} were found")
            return float(said["cpu"] * 1000)

        found = rounds(
            {
                "warm": lambda: milliseconds("discover", site, "warm", 200),
                "cold": lambda: milliseconds("discover", site, "cold", 10),
                "stdlib": lambda: milliseconds("entry_points", site, 10),
            },
            count,
        )
    peer = "importlib.metadata"
    return [
        Row(
            f"discover, 300 distributions, {mode} index", found[mode], "CPU ms", peer, found["stdlib"],
            found["stdlib"] / found[mode], f"<= {limit} CPU ms", found[mode] <= limit,
        )
        for mode, limit in (("warm", WARM_MS), ("cold", COLD_MS))
    ]  # fmt: skip
