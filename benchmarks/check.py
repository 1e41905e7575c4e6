"""`lev check` beside other linters of agents' files, on the same thousand skills; again, in an editor, and of more."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import install
from .measure import CannotMeasure, Cost, cost, cost_rounds, own, rounds, worker
from .skill_corpus import write
from .table import Row

COUNT, FEW, MANY = 1_000, 100, 10_000
PEERS = {
    "agnix==0.59.3": ("agnix", "."),
    "skillsaw==0.22.0": ("skillsaw", "lint", "."),
    "rumdl==0.3.0": ("rumdl", "check", "--no-cache", "."),
}
"""What each peer does by default; rumdl looks at Markdown style alone."""
_RULES = {"agnix": "its 300 or so rules", "skillsaw": "its 110 rules", "rumdl": "style only"}


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lev-bench-") as made:
        return _rows(Path(made), count)


def _rows(home: Path, count: int) -> list[Row]:
    skills = write(home / "thousand", COUNT)
    lev = str(Path(sys.executable).parent / "lev")
    cores = sorted(os.sched_getaffinity(0))[:2]
    commands: dict[str, Callable[[], Cost]] = {
        "cold": lambda: _cold(lev, skills, home, cores),
        "cold, 1 core": lambda: _cold(lev, skills, home, cores[:1]),
    }
    notes: dict[str, str] = {}
    for peer, command in PEERS.items():
        try:
            found = str(install.python("linters", *PEERS) / command[0])
        except CannotMeasure as error:
            notes[peer] = str(error)
            continue
        commands[peer] = lambda found=found, command=command: _run([found, *command[1:]], skills, cores)  # type: ignore[misc]
    costs = cost_rounds(commands, count)
    ours = costs["cold"]
    per_second = COUNT / costs["cold, 1 core"].cpu
    rows = [
        Row(f"{COUNT:,} skills, 9 MB, all rules", per_second, "files/CPU-s", target=">= 1,000", met=per_second >= 1000),
        Row(f"{COUNT:,} skills, peak memory", ours.memory, "MB", target="<= 200", met=ours.memory <= 200),
    ]
    for peer in PEERS:
        theirs = costs.get(peer)
        rows += _beside(peer, ours, theirs, notes.get(peer, ""))
    again = _again(lev, skills, home, cores, count)
    return [*rows, *again, _editor(skills, count), _growth(lev, home, cores[:1], count)]


def _beside(peer: str, ours: Cost, theirs: Cost | None, note: str) -> list[Row]:
    name = peer.partition("==")[0]
    what = _RULES[name]
    if theirs is None:
        return [Row(f"{COUNT:,} skills, {what}", ours.cpu, "CPU s", peer, note=note)]
    ratio, walls = theirs.cpu / ours.cpu, theirs.wall / ours.wall
    least = {"skillsaw": 8.0}.get(name)
    target = f">= {least:.0f}x" if least else ""
    rows = [
        Row(
            f"{COUNT:,} skills, {what}",
            ours.cpu,
            "CPU s",
            peer,
            theirs.cpu,
            ratio,
            target,
            ratio >= least if least else None,
        )
    ]
    met = walls >= 1 if name == "agnix" else None
    wall_target = "not slower" if name == "agnix" else ""
    rows.append(Row("the same, 2 cores", ours.wall, "wall s", peer, theirs.wall, walls, wall_target, met))
    return rows


def _again(lev: str, skills: Path, home: Path, cores: Sequence[int], count: int) -> list[Row]:
    """The second check, with nothing changed and with one file changed."""
    cache = home / "cache-warm"
    one = next((skills / "skills").iterdir()) / "SKILL.md"
    text = one.read_text("utf-8")

    def check() -> Cost:
        return _run([lev, "check", "."], skills, cores, cache)

    def changed() -> Cost:
        one.write_text(f"{text}\nOne more line, {time.time_ns()}.\n", "utf-8")
        return check()

    check()
    time.sleep(2.1)  # a file that has just been written may change again within one tick of its clock
    check()
    found = cost_rounds({"nothing": check, "one": changed}, count)
    bounds = {"nothing": 0.15, "one": 0.2}
    return [
        Row(
            f"{COUNT:,} skills, {name} changed", found[name].cpu, "CPU s", target=f"<= {bound}",
            met=found[name].cpu <= bound,
        )
        for name, bound in bounds.items()
    ]  # fmt: skip


def _editor(skills: Path, count: int) -> Row:
    """What an editor waits for after a change in one of the files."""
    file = next(skills.rglob("SKILL.md"))
    edit = own("editing", skills, file, 20)
    found = rounds({"edit": lambda: float(worker(edit, cwd=skills)["cpu"])}, min(count, 3))["edit"]
    what = f"findings after a change in an editor, one of {COUNT:,} files"
    return Row(what, found * 1e3, "CPU ms", target="<= 20 ms", met=found <= 0.02)


def _growth(lev: str, home: Path, cores: Sequence[int], count: int) -> Row:
    """The cost of a file among few and among many, without what the process costs."""
    few, many = write(home / "few", FEW), write(home / "many", MANY)
    empty = home / "empty"
    empty.mkdir()
    found = cost_rounds(
        {"none": lambda: _cold(lev, empty, home, cores), "few": lambda: _cold(lev, few, home, cores)}, count
    )
    found["many"] = _cold(lev, many, home, cores)  # once: it is long enough
    one, other = ((found[name].cpu - found["none"].cpu) / number for name, number in (("few", FEW), ("many", MANY)))
    grown = other / one
    what = f"cost of a file, {MANY:,} beside {FEW}"
    return Row(
        what, other * 1e3, "CPU ms", f"ours, {FEW}", one * 1e3, None, "<= 1.2x the cost", grown <= 1.2,
        f"{grown:.2f}x the cost; {found['many'].memory:.0f} MB for {MANY:,}",
    )  # fmt: skip


def _cold(lev: str, folder: Path, home: Path, cores: Sequence[int]) -> Cost:
    """A check that nothing is remembered for."""
    cache = home / "cache-cold"
    shutil.rmtree(cache, ignore_errors=True)
    return _run([lev, "check", "."], folder, cores, cache)


def _run(command: Sequence[str], folder: Path, cores: Sequence[int], cache: Path | None = None) -> Cost:
    """Run a linter on these cores; findings (exit code 1) are no failure."""
    return cost(command, folder, env={"LEV_CACHE_DIR": str(cache)} if cache else {}, cores=cores, succeeds={0, 1})
