"""`lev check` as whole processes: a thousand skills cold, warm and edited; an editor; growth; memory.

The skills are those of `skill_corpus`, 9 MB, checked by every rule. "Warm" is the same once more with nothing changed.
CPU seconds are those of all its processes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import skill_corpus
from .measure import child_cpu, own, rounds, worker
from .table import Row

_YEAR = 365 * 24 * 3600
_LEV = str(Path(sys.executable).parent / "lev")


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return [*_skills(home, count), *_growth(home, count), *_editor(home, count)]


def _check(home: Path, folder: Path, *, cold: bool) -> float:
    cache = home / f"cache-{folder.name}"
    if cold:
        shutil.rmtree(cache, ignore_errors=True)
    return child_cpu(["env", f"LEV_CACHE_DIR={cache}", _LEV, "check", "--exit-zero", "--quiet"], cwd=folder)


def _corpus(home: Path, count: int) -> Path:
    root = skill_corpus.write(home / f"skills-{count}", count)
    when = time.time() - _YEAR  # what was written this second may change again unseen
    for path in (*root.rglob("*"), root):
        os.utime(path, (when, when))
    return root


def _skills(home: Path, count: int) -> list[Row]:
    root = _corpus(home, 1000)
    first = next(root.rglob("SKILL.md"))

    def edited() -> float:
        _check(home, root, cold=False)
        with first.open("a", encoding="utf-8") as stream:
            stream.write("One line more.\n")
        return _check(home, root, cold=False)

    def warm() -> float:
        _check(home, root, cold=False)
        return _check(home, root, cold=False)

    found = rounds({"cold": lambda: _check(home, root, cold=True), "warm": warm, "one edited": edited}, count)
    limits = {"cold": 1.0, "warm": 0.15, "one edited": 0.2}
    rows = [
        Row(f"check 1,000 SKILL.md, {mode}", figure, "CPU s", target=f"<= {limits[mode]} s", met=figure <= limits[mode])
        for mode, figure in found.items()
    ]
    cache = ("env", f"LEV_CACHE_DIR={home / 'peak'}")
    peak = worker(own("peak", *cache, _LEV, "check", "-q", "--exit-zero", str(root)), cwd=root)["mb"]
    rows.append(Row("check 1,000 SKILL.md, peak memory", peak, "MB", target="<= 200 MB", met=peak <= 200))
    return rows


def _growth(home: Path, count: int) -> list[Row]:
    few, many = _corpus(home, 100), _corpus(home, 10_000)
    empty = home / "empty"
    empty.mkdir()
    measures = {
        "none": lambda: _check(home, empty, cold=True),
        "few": lambda: _check(home, few, cold=True),
        "many": lambda: _check(home, many, cold=True),
    }
    found = rounds(measures, 1)
    # What it takes to start is no cost of a file; rules that an empty folder does not load are in both others.
    one, other = ((found[name] - found["none"]) / size * 1e3 for name, size in (("few", 100), ("many", 10_000)))
    ratio = other / one
    return [
        Row("cost of a file, 10,000 beside 100", other, "CPU ms", "ours, 100 files", one, None, "<= 1.2x the cost",
            ratio <= 1.2, f"{ratio:.2f}x the cost")
    ]  # fmt: skip


def _editor(home: Path, count: int) -> list[Row]:
    root = home / "skills-1000"
    file = next(root.rglob("SKILL.md"))
    found = rounds({"edit": lambda: _edit(root, file, 20)}, min(count, 3))["edit"]
    what = "findings after a change in an editor, one of 1,000 files"
    return [Row(what, found * 1e3, "CPU ms", target="<= 20 ms", met=found <= 0.02)]


def _edit(root: Path, file: Path, times: int) -> float:
    return float(worker(own("editing", root, file, times), cwd=root)["cpu"])
