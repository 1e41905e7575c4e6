"""`lev bundle` beside repomix: its cost over a thousand files, and how much of what a task needs is in it.

Cost: whole processes over the same 6 MB. repomix packs all of it and counts its tokens; ours picks 8,000 tokens for a
task, counts every part and writes a receipt. Cold means without what either keeps between runs, warm the same again.

Recall: tasks for the documentation of three packages, from their sdists, with the sections that each task needs; they
were written by hand and lie in `labels`. The ranking was set on click alone, so the other two are the measure.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import install
from .measure import ROOT, CannotMeasure, Cost, cost, cost_rounds, environment, own, worker
from .table import Row
from .text_corpus import FILES, write

NODE, REPOMIX = "node@24", "repomix@1.18.1"
SDISTS = ("click==8.5.1", "starlette==1.10.0", "structlog==26.1.0")
TUNED = "click"
BUDGETS = (4_000, 8_000, 16_000)
TASK = "set a budget of tokens for what a flow remembers"
MEMORY = 150


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lev-bench-") as made:
        home = Path(made)
        return [*_speed(home, count), *_recall(home)]


def _speed(home: Path, count: int) -> list[Row]:
    docs = write(home / "docs")
    time.sleep(3)  # what changed in the last two seconds is read again, so warm would not be warm
    lev = [str(Path(sys.executable).parent / "lev"), "bundle", "./docs", "--budget", "8000", "--for", TASK]
    words = [*lev, "--words", "--receipt", str(home / "receipt.json")]

    def ours(command: list[str], cache: str, *, cold: bool) -> Cost:
        if cold:
            shutil.rmtree(home / cache, ignore_errors=True)
        return cost(command, home, env={"LEV_CACHE_DIR": str(home / cache)})

    # The tokenizer of an installation without extras; the other one is a part of this workspace.
    plain = "import sys; sys.modules['splintr'] = None; from lev_os.cli import main; sys.exit(main())"
    measures: dict[str, Callable[[], Cost]] = {
        "cold": lambda: ours(words, "cold", cold=True),
        "cold, no extra": lambda: ours([sys.executable, "-c", plain, *words[1:]], "cold", cold=True),
        "warm": lambda: ours(words, "warm", cold=False),
        "cold, with meaning": lambda: ours([*lev, "--receipt", str(home / "r.json")], "cold", cold=True),
    }
    note = ""
    try:
        pack = _repomix(home / "packed.xml")

        def theirs(*, cold: bool) -> Cost:
            cache = home / ("tmp-cold" if cold else "tmp-warm")
            if cold:
                shutil.rmtree(cache, ignore_errors=True)
            cache.mkdir(exist_ok=True)
            return cost(pack, docs, env={"TMPDIR": str(cache)})

        measures |= {"repomix cold": lambda: theirs(cold=True), "repomix warm": lambda: theirs(cold=False)}
    except CannotMeasure as error:
        note = str(error)
    found = cost_rounds(measures, count)
    rows = []
    for mode, peer, least in (
        ("cold", "repomix cold", 5.0),
        ("cold, no extra", "repomix cold", None),
        ("warm", "repomix cold", 20.0),
        ("warm", "repomix warm", None),
        ("cold, with meaning", "repomix cold", None),
    ):
        theirs_ = found.get(peer)
        ratio = theirs_.cpu / found[mode].cpu if theirs_ else None
        met = ratio >= least if ratio is not None and least else None
        rows.append(
            Row(
                f"bundle of {FILES:,} files, 6 MB, {mode}",
                found[mode].cpu,
                "CPU s",
                peer,
                theirs_.cpu if theirs_ else None,
                ratio,
                f">= {least:.0f}x less" if least else "",
                met,
                note,
            )
        )
    used, theirs_ = found["cold"].memory, found.get("repomix cold")
    rows.append(
        Row(
            "the same, peak memory",
            used,
            "MB",
            "repomix cold",
            theirs_.memory if theirs_ else None,
            theirs_.memory / used if theirs_ else None,
            f"<= {MEMORY} MB",
            used <= MEMORY,
        )
    )
    return rows


def _recall(home: Path) -> list[Row]:
    rows = []
    for sdist in SDISTS:
        name = sdist.partition("=")[0]
        try:
            # Elsewhere: repomix packs nothing of a folder that git ignores.
            docs = shutil.copytree(_docs(sdist), home / name)
            packed = home / f"{name}.xml"
            cost([*_repomix(packed), "--include", "**/*.md"], docs, env={"TMPDIR": str(home)})
            labels = ROOT / "benchmarks" / "labels" / f"{name}.toml"
            found = worker(own("bundle_recall", labels, docs, packed, *BUDGETS))
        except CannotMeasure as error:
            rows.append(Row(f"recall, {name}", None, "", note=str(error)))
            continue
        about = f"{found['tasks']} tasks, {found['tokens']:,} tokens of docs"
        about += "; the ranking was set on it" if name == TUNED else ""
        for budget in BUDGETS:
            for ours in ("words", "wordllama", "minilm"):
                figure, theirs = found[f"{ours} {budget}"], found[f"BM25 {budget}"]
                others = f"in order {found[f'in order {budget}']:.2f}, repomix {found[f'repomix {budget}']:.2f}"
                rows.append(
                    Row(
                        f"needed sections in {budget:,} tokens, {name}, {ours}",
                        figure,
                        "",
                        "BM25",
                        theirs,
                        figure / theirs,
                        note=f"{others}; {about}",
                    )
                )
    return rows


def _repomix(out: Path) -> list[str]:
    home = install.node("repomix", NODE, REPOMIX) / "node_modules"
    return [str(home / "node" / "bin" / "node"), str(home / "repomix/bin/repomix.cjs"), "--quiet", "-o", str(out), "."]


def _docs(sdist: str) -> Path:
    """The documentation in a package's sdist, downloaded once by pip."""
    folder = install.FOLDER / "sdists"
    name = sdist.replace("==", "-")
    if not (folder / name / "docs").is_dir():
        python = install.python("sdists-pip", "pip==26.3") / "python"
        only = ["--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [str(python), "-m", "pip", "download", *only, "--dest", str(folder), sdist],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotMeasure(f"pip could not download {sdist}: {(done.stderr.splitlines() or ['no message'])[-1]}")
        shutil.unpack_archive(folder / f"{name}.tar.gz", folder)
    return folder / name / "docs"
