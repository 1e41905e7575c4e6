"""`lev export --to skills agents-md` beside `apm compile`: fourteen instructions for the files of a repository.

Both are whole processes that write into a tree without earlier results: apm AGENTS.md files with the instructions in
them, ours the pointers in AGENTS.md files, and the instructions as skills. Every instruction of the peer is a context
of our package, with the same text and the same globs. The tree is 500 folders and 1,900 files of several languages;
then one of ten times that, and one of 53,000 files.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import install
from .measure import CannotMeasure, child_cpu, rounds
from .table import Row

PEER = "apm-cli==0.35.0"
GLOBS = (
    "**/*.py", "**/*.{ts,tsx}", "**/*.test.ts", "**/test_*.py", "services/**/*.css", "**/*.md", "docs/**/*.md",
    "**/migrations/*.py", "**/Dockerfile", "services/**/*.sql", "**/api/**/*.py", "services/**/components/*.tsx",
    "services/billing0/**", "**/*.{yml,yaml}",
)  # fmt: skip
_PARTS = ("api", "components", "migrations", "models", "styles")
_FILES = {
    "api": ("views.py", "urls.py", "test_views.py", "README.md"),
    "components": ("form.tsx", "form.test.ts", "table.tsx", "table.ts"),
    "migrations": ("0001_initial.py", "0002_next.py", "seed.sql", "notes.md"),
    "models": ("orders.py", "test_orders.py", "schema.sql", "config.yml"),
    "styles": ("main.css", "print.css", "theme.ts"),
}
_MADE = (
    "AGENTS.md", "CLAUDE.md", "GEMINI.md", "lev-export.lock", ".agents", ".claude", ".cursor", ".github", ".gemini",
)  # fmt: skip


def measure(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lev-bench-") as made:
        home = Path(made)
        package = _package(home / "rules")
        small, large, largest = (_tree(home / name, size) for name, size in (("a", 83), ("b", 830), ("c", 1250)))
        more = _fill(largest, 53_000)
        measures = {"small": lambda: _ours(package, small), "large": lambda: _ours(package, large)}
        note = ""
        try:
            apm = install.python("apm", PEER) / "apm"
            measures["apm"] = lambda: _theirs(apm, small)
        except CannotMeasure as error:
            note = f"{PEER}: {error}"
        found = rounds(measures, count)
        wall = min(_wall(package, largest) for _ in range(2))
        folders, files = _counted(small)
        most = _counted(largest)[0]
    ours, theirs, grown = found["small"], found.get("apm"), found["large"] / found["small"]
    ratio = theirs / ours if theirs else None
    return [
        Row(
            f"export of 14 instructions, {folders:,} folders, {files:,} files", ours, "CPU s", PEER, theirs, ratio,
            ">= 30x less", ratio >= 30 if ratio else None, note,
        ),
        Row(
            "the same, ten times the files", found["large"], "CPU s", "ours, small", ours, None, "<= 12x the cost",
            grown <= 12, f"{grown:.1f}x the cost",
        ),
        Row(f"the same, {most:,} folders, {more:,} files", wall, "wall s", target="<= 5 s", met=wall <= 5),
    ]  # fmt: skip


def _ours(package: Path, tree: Path) -> float:
    _clean(tree)
    used = child_cpu(_command(package, tree))
    _expect(tree, "rules/contexts/rule-0`")
    return used


def _wall(package: Path, tree: Path) -> float:
    _clean(tree)
    begun = time.perf_counter()
    child_cpu(_command(package, tree))
    return time.perf_counter() - begun


def _command(package: Path, tree: Path) -> list[str]:
    lev = str(Path(sys.executable).parent / "lev")
    return [lev, "export", "--to", "skills", "agents-md", "--package", str(package), "--out", str(tree)]


def _theirs(apm: Path, tree: Path) -> float:
    _clean(tree)
    used = child_cpu([str(apm), "compile"], cwd=tree)
    _expect(tree, "Rule 0")
    return used


def _expect(tree: Path, text: str) -> None:
    if text not in "".join(file.read_text("utf-8") for file in _instruction_files(tree)):
        raise CannotMeasure(f"no AGENTS.md in {tree} speaks of {text}")


def _clean(tree: Path) -> None:
    """Take away what either made; both write into a tree without earlier results."""
    for name in _MADE:
        place = tree / name
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists():
            place.unlink()
    for file in _instruction_files(tree):
        file.unlink()


def _instruction_files(tree: Path) -> list[Path]:
    return [
        Path(folder, name) for folder, _, names in os.walk(tree) for name in names if name in ("AGENTS.md", "CLAUDE.md")
    ]


def _tree(root: Path, services: int) -> Path:
    """Six folders a service, 19 to 23 files; `.apm` with the instructions, which is the peer's source."""
    for number in range(services):
        for part in _PARTS:
            folder = root / "services" / f"billing{number}" / part
            folder.mkdir(parents=True)
            for name in _FILES[part]:
                (folder / name).write_text("x\n", encoding="utf-8")
        for name in ("Dockerfile", "service.yaml", "README.md", "main.py"):
            (root / "services" / f"billing{number}" / name).write_text("x\n", encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs" / "index.md").write_text("x\n", encoding="utf-8")
    (root / ".apm" / "instructions").mkdir(parents=True)
    for name, glob, text in _instructions():
        head = f'---\ndescription: {name.title()}.\napplyTo: "{glob}"\n---\n'
        (root / ".apm" / "instructions" / f"{name}.instructions.md").write_text(head + text, encoding="utf-8")
    (root / "apm.yml").write_text("name: bench\nversion: 1.0.0\ndescription: Instructions.\n", encoding="utf-8")
    return root


def _fill(root: Path, count: int) -> int:
    """Add files until there are at least `count`; how many there are."""
    folders = [Path(folder) for folder, _, _ in os.walk(root / "services")]
    each = -((_counted(root)[1] - count) // len(folders))
    for folder in folders:
        for number in range(each):
            (folder / f"more{number}.py").write_text("x\n", encoding="utf-8")
    return _counted(root)[1]


def _counted(root: Path) -> tuple[int, int]:
    folders = files = 0
    for folder, _, names in os.walk(root):
        if ".apm" not in folder:
            folders += 1
            files += len(names)
    return folders, files


def _package(root: Path) -> Path:
    """The same instructions as contexts of a package."""
    (root / "contexts").mkdir(parents=True)
    (root / "__init__.py").touch()
    manifest = 'format = 1\ndescription = "Instructions."\n[exports]\n"./contexts/*" = { llm = "./contexts/*.md" }\n'
    (root / "lev.toml").write_text(manifest, encoding="utf-8")
    for name, glob, text in _instructions():
        head = f'---\nname: {name}\ndescription: {name.title()}.\nmetadata:\n  lev-applies-to: "{glob}"\n---\n'
        (root / "contexts" / f"{name}.md").write_text(head + text, encoding="utf-8")
    return root


def _instructions() -> Iterator[tuple[str, str, str]]:
    for number, glob in enumerate(GLOBS):
        rules = "".join(f"- Do it like this, number {line}, and say why.\n" for line in range(30))
        yield f"rule-{number}", glob, f"# Rule {number}\n\n{rules}"
