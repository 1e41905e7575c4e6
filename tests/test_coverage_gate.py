"""The gate of `make test`: too few branches taken is a failure, however many lines were run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GATE = Path(__file__).parents[1] / "internal" / "coverage_gate.py"
CODE = """\
def sign(n):
    if n < 0:
        return -1
    if n > 0:
        return 1
    return 0
"""


@pytest.mark.parametrize(
    ("called", "exit_code", "share"),
    [
        ("-1, 0, 1", 0, "100.0 %      4/4     all of lev_os.core"),
        ("-1, 1", 1, "75.0 %      3/4     all of lev_os.core"),
    ],
)
def test_the_gate_counts_branches(tmp_path: Path, called: str, exit_code: int, share: str) -> None:
    """Three of four branches are too few."""
    module = tmp_path / "lev_os" / "core" / "part" / "signs.py"
    module.parent.mkdir(parents=True)
    module.write_text(f"{CODE}\nlist(map(sign, ({called})))\n")
    run = [sys.executable, "-m", "coverage", "run", "--branch", str(module)]
    subprocess.run(run, cwd=tmp_path, check=True, timeout=60)
    gate = subprocess.run([sys.executable, str(GATE)], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert share in gate.stdout, gate.stderr
    assert gate.returncode == exit_code
