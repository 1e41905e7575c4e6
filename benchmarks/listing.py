"""`lev list --json` beside `library-skills scan --json`: 1,000 wheels with two skills each, the same files.

Both are whole processes with byte code written, both must name the same 2,000 skills, and every wheel is a direct
dependency of the project, so that the peer leaves none out (`--all` would add nothing). The peer keeps no index and
reads names and descriptions; ours also gives the digest and the exact token count of each text, so that a cold
listing loads a tokenizer and counts 2,000 texts. After an edit of one skill, one wheel is read and counted.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import install
from .generate import environment
from .measure import CannotMeasure, child_cpu, rounds
from .table import Row

PEER = "library-skills==0.0.19"
TARGET = 10.0
SKILLS = 2000
_YEAR = 365 * 24 * 3600


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = environment(Path(folder) / "project", distributions=1000, skills=1000)
        out = Path(folder) / "out.json"
        skills = sorted(home.rglob("SKILL.md"))
        names = {file.parent.name for file in skills}
        # Wheels are installed before the day they are listed; a cache may distrust what was written this second.
        _date(home, time.time() - _YEAR)

        def ours(cache: str) -> float:
            command = ["env", f"LEV_CACHE_DIR={Path(folder) / cache}", str(_lev()), "list", "--json"]
            used = child_cpu(command, cwd=home, stdout=out)
            exports = [export for package in _said(out) for export in package["exports"]]
            _expect(names, (export["specifier"].rpartition("/")[2] for export in exports), "lev list")
            if not all(export["tokens"] for export in exports):
                raise CannotMeasure("lev list did not count every skill")
            return used

        def cold() -> float:
            shutil.rmtree(Path(folder) / "cold", ignore_errors=True)
            return ours("cold")

        def edited() -> float:
            file = skills[0]
            file.write_text(file.read_text(encoding="utf-8") + "One line more.\n", encoding="utf-8")
            os.utime(file, (0, file.stat().st_size))  # a day long ago, another one each time
            return ours("edited")

        def warm() -> float:
            ours("warm")  # makes the index, and makes it again after an edit
            return ours("warm")

        measures = {"warm index": warm, "one skill edited": edited, "cold index": cold}
        note = ""
        try:
            binary = install.python("library-skills", PEER) / "library-skills"

            def theirs() -> float:
                used = child_cpu([str(binary), "scan", "--json"], cwd=home, stdout=out)
                _expect(names, (skill["name"] for skill in _said(out)["skills"]), PEER)
                return used

            measures[PEER] = theirs
        except CannotMeasure as error:
            note = f"{PEER}: {error}"
        found = rounds(measures, count)
    peer = found.pop(PEER, None)
    rows = []
    for mode, figure in found.items():
        ratio = peer / figure if peer else None
        bound = mode == "warm index"
        met = ratio >= TARGET if ratio is not None and bound else None
        target = f">= {TARGET:.0f}x less" if bound else ""
        rows.append(
            Row(f"list 1,000 packages, 2,000 skills, {mode}", figure, "CPU s", PEER, peer, ratio, target, met, note)
        )
    return rows


def _lev() -> Path:
    return Path(sys.executable).parent / "lev"


def _said(out: Path) -> Any:
    return json.loads(out.read_text(encoding="utf-8"))


def _date(folder: Path, when: float) -> None:
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (when, when), follow_symlinks=False)


def _expect(names: set[str], found: Iterable[str], who: str) -> None:
    listed = list(found)
    if len(listed) != SKILLS or set(listed) != names:
        raise CannotMeasure(f"{SKILLS} skills are installed and {who} found {len(set(listed) & names)} of them")
