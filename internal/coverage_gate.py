"""Fail when too few branches of `lev_os.core` were taken by the tests that have just run.

pytest-cov's own threshold counts lines and branches together, which hides untaken branches behind plain lines.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import coverage

FLOOR = 95.0


def main() -> int:
    """Print the share of branches per subpackage; returns 1 when the whole is below the floor."""
    data = coverage.Coverage()
    data.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        data.json_report(outfile=str(file))
        report = json.loads(file.read_text(encoding="utf-8"))
    taken: Counter[str] = Counter()
    present: Counter[str] = Counter()
    for name, found in report["files"].items():
        part = name.replace("\\", "/").partition("lev_os/core/")[2].split("/")[0]
        for key in (part, "all of lev_os.core"):
            taken[key] += found["summary"]["covered_branches"]
            present[key] += found["summary"]["num_branches"]
    print(f"Branches taken by the tests (the floor is {FLOOR:.0f} %):")
    for key in sorted(present, key=lambda key: (key.startswith("all "), key)):
        if present[key]:
            print(f"{100 * taken[key] / present[key]:6.1f} %  {taken[key]:5}/{present[key]:<5} {key}")
    total = 100 * taken["all of lev_os.core"] / max(present["all of lev_os.core"], 1)
    return 0 if total >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
