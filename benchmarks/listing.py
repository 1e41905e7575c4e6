"""`lev list --json` beside `library-skills scan --json`: 1,000 wheels with two skills each, the same files."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from . import install
from .generate import environment
from .measure import CannotMeasure, child_cpu, rounds
from .table import Row

PEER = "library-skills==0.0.19"
TARGET = 10.0
SKILLS = 2000


def measure(count: int) -> list[Row]:
    lev = Path(sys.executable).parent / "lev"
    with tempfile.TemporaryDirectory() as folder:
        home = environment(Path(folder) / "project", distributions=1000, skills=1000)
        out, cache = Path(folder) / "out.json", Path(folder) / "cache"

        def ours(fresh: bool) -> float:
            if fresh:
                shutil.rmtree(cache, ignore_errors=True)
            used = child_cpu(["env", f"LEV_CACHE_DIR={cache}", str(lev), "list", "--json"], cwd=home, stdout=out)
            packages = json.loads(out.read_text(encoding="utf-8"))
            _expect(sum(export["kind"] == "skill" for package in packages for export in package["exports"]), "lev list")
            return used

        measures = {"warm": lambda: ours(False), "cold": lambda: ours(True)}
        note = ""
        try:
            binary = install.python("library-skills", PEER) / "library-skills"

            def theirs() -> float:
                used = child_cpu([str(binary), "scan", "--json"], cwd=home, stdout=out)
                _expect(len(json.loads(out.read_text(encoding="utf-8"))["skills"]), PEER)
                return used

            measures[PEER] = theirs
        except CannotMeasure as error:
            note = f"{PEER}: {error}"
        found = rounds(measures, count)
    peer = found.get(PEER)
    rows = []
    for mode in ("warm", "cold"):
        ratio = peer / found[mode] if peer else None
        met = ratio >= TARGET if ratio is not None and mode == "warm" else None
        target = f">= {TARGET:.0f}x less" if mode == "warm" else ""
        what = f"list 1,000 packages, 2,000 skills, {mode} index"
        rows.append(Row(what, found[mode], "CPU s", PEER, peer, ratio, target, met, note))
    return rows


def _expect(skills: int, who: str) -> None:
    if skills != SKILLS:
        raise CannotMeasure(f"{SKILLS} skills are installed and {who} found {skills}")
