"""What instructions tell to run, and the files they name: scripts, targets and paths that do not exist.

Instructions that name a script which was renamed cost a model several failed commands, each time they are read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import msgspec
from lev_os.core.documents import nearest

from ...facts import fact
from ...files import File
from ...patterns import Pattern
from ...project import Project
from ...rule import Example, Finding, rule
from .names import VERIFIED

_SHELLS = frozenset({"", "sh", "bash", "zsh", "shell", "console", "shell-session", "terminal", "text"})
_SPLIT = Pattern(r"&&|\|\||[;|]")
_ELSEWHERE = Pattern(r"(?:^|\s)(?:cd|pushd|-C|--prefix|--filter|-F|-w|--workspace|--cwd|--dir|-f|--file|-r)(?:[\s=]|$)")
_WORD = Pattern(r"[A-Za-z0-9][\w:./-]*")
_HEDGED = Pattern(
    r"(?i)\b(?:not|never|n't|avoid|instead|rather|e\.g|example|such as|like|would|creat\w*|generat\w*|new|add|writ\w*|"
    r"output\w*|legacy|removed|deleted|old|used to|if|may|might|optional\w*|named|template|your)\b|n't\b"
)
_PATH = Pattern(r"(?:\./)?(?:[\w.@-]+/)+[\w.@-]+\.[A-Za-z][A-Za-z0-9]{0,5}")
_MADE = frozenset(
    {"dist", "build", "out", "target", "coverage", "node_modules", "tmp", "temp", "generated", ".next", ".venv", "venv",
     "logs", "log", "htmlcov", "site", "_build", "path", "example", "examples", "foo", "my", ".cache", "artifacts"}
)  # fmt: skip
_LOCKS = {
    "package-lock.json": "npm", "pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun",
}  # fmt: skip
_NEAR = 300
"""Characters of a line, on each side of a code span, that may say that it is no plain order."""
_MOST = 20_000
"""Files that are looked at to find one that is named; in larger repositories nothing is said."""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """`tool` is npm, pnpm, make, just or path; `name` the script, target or path; `hedged`: not plainly an order."""

    tool: str
    name: str
    start: int
    end: int
    hedged: bool = False


@fact("told", kinds={"instructions", "command"}, type=tuple[Told, ...])
def told(file: File) -> tuple[Told, ...]:
    """Commands and paths in the code of instructions."""
    found: list[Told] = []
    for code in file.markdown.code:
        if code.form == "span":
            start, end = code.inside
            if _PATH.fullmatch(code.text):
                named = [Told("path", code.text, start, end)]
            else:
                named = list(_commands(code.text, start, end))
            if named and _HEDGED.search(_around(file.text, *code.span)):
                named = [msgspec.structs.replace(item, hedged=True) for item in named]
            found += named
        elif code.language in _SHELLS and code.form == "fence":
            start = code.inside[0]
            for line in code.text.splitlines(keepends=True):
                at = file.text.find(line.strip(), start, code.span[1])
                if at >= 0 and line.strip():
                    start = at + len(line.strip())
                    found += _commands(line.strip(), at, start)
    return tuple(found)


def _around(text: str, start: int, end: int) -> str:
    """What stands before and after on the same line."""
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    return f"{before.rpartition(chr(10))[2]} {after.partition(chr(10))[0]}"


def _commands(line: str, start: int, end: int) -> Iterator[Told]:
    if _ELSEWHERE.search(line) or any(mark in line for mark in "<>{}$*…") or "..." in line:
        return
    for part in _SPLIT.split(line.partition(" #")[0]):
        words = part.split()
        if words[:1] == ["$"]:
            words = words[1:]
        if len(words) < 2:
            continue
        tool, first = words[0], words[1]
        name = words[2] if tool in ("npm", "pnpm") and first in ("run", "run-script") and len(words) > 2 else None
        if tool in ("npm", "pnpm") and first in ("test", "t", "start"):
            name = "test" if first == "t" else first
        if tool in ("make", "just"):
            name = first
        if name is not None and _WORD.fullmatch(name) and "=" not in name:
            yield Told(tool, name, start, end)
        elif (
            tool in ("npm", "pnpm", "yarn", "bun")
            and first in ("install", "i", "ci", "add", "run")
            and "-g" not in words
        ):
            yield Told("manager", tool, start, end)


class _Repository:
    """The scripts, targets and files around one file of instructions, each found when it is first asked for."""

    def __init__(self, root: Path, project: Project, *, whole: bool) -> None:
        self.root = root
        self.whole = whole
        """Whether all of it is there: a checkout, not an installed package."""
        self._project = project

    @cached_property
    def files(self) -> list[str] | None:
        """Every file, relative, with `/` before it; None when there are too many."""
        found: list[str] = []
        skipped = {"node_modules", ".git", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache"}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in skipped]
            self._project.uses(folder)
            base = "/" + os.path.relpath(folder, self.root).replace(os.sep, "/").removeprefix(".")
            found += [f"{base.rstrip('/')}/{name}".replace("//", "/") for name in (*names, *folders)]
            if len(found) > _MOST:
                return None
        return found

    @cached_property
    def npm(self) -> frozenset[str] | None:
        """Scripts of every package.json; None when one cannot be read, or there is none."""
        return self._of("package.json", _npm_scripts)

    @cached_property
    def make(self) -> frozenset[str] | None:
        """Targets of every Makefile; None when they are computed, included or absent."""
        return self._of(("Makefile", "makefile", "GNUmakefile"), _make_targets)

    @cached_property
    def just(self) -> frozenset[str] | None:
        """Recipes of every justfile."""
        return self._of(("justfile", "Justfile", ".justfile"), _just_recipes)

    def names(self, tool: str) -> frozenset[str] | None:
        """What a tool can be told to run here; None when that cannot be known."""
        return self.make if tool == "make" else self.just if tool == "just" else self.npm

    def _of(self, names: str | tuple[str, ...], read: Callable[[str], set[str] | None]) -> frozenset[str] | None:
        wanted = (names,) if isinstance(names, str) else names
        if self.files is None:
            return None
        all_names: set[str] = set()
        found = False
        for path in self.files:
            if path.endswith(tuple(f"/{name}" for name in wanted)):
                self._project.uses(self.root / path[1:])
                try:
                    here = read((self.root / path[1:]).read_text(encoding="utf-8", errors="replace"))
                except (OSError, ValueError):
                    here = None
                if here is None:
                    return None
                found = True
                all_names |= here
        return frozenset(all_names) if found else None


def _npm_scripts(text: str) -> set[str] | None:
    data = json.loads(text)
    scripts = data.get("scripts", {}) if isinstance(data, dict) else None
    return set(scripts) if isinstance(scripts, dict) else None


def _make_targets(text: str) -> set[str] | None:
    if re.search(r"(?m)^-?s?include\b|^[^#\t\n]*%[^\n]*:|^\.DEFAULT\b|^\$|^define\b", text):
        return None
    found: set[str] = set()
    for targets in re.findall(r"(?m)^([A-Za-z0-9_./ -]+?)\s*::?(?!=)", text):
        found.update(targets.split())
    for targets in re.findall(r"(?m)^\.PHONY\s*:\s*([^\n#]*(?:\\\n[^\n#]*)*)", text):
        found.update(targets.replace("\\\n", " ").split())
    return found


def _just_recipes(text: str) -> set[str] | None:
    if re.search(r"(?m)^(?:import|mod)\b", text):
        return None
    return set(re.findall(r"(?m)^@?([A-Za-z_][\w-]*)[^\n:=]*:(?!=)", text)) | set(
        re.findall(r"(?m)^alias\s+([\w-]+)", text)
    )


def _repositories(project: Project) -> Iterator[tuple[File, tuple[Told, ...], _Repository]]:
    known: dict[Path, _Repository] = {}
    for file, found in project.facts(told):
        if found:
            checkout = next((at for at in file.path.parents if (at / ".git").exists()), None)
            root = checkout or project.root
            if file.path.is_relative_to(root):
                if root not in known:
                    known[root] = _Repository(root, project, whole=checkout is not None)
                yield file, found, known[root]


@rule(
    "CTX706",
    "path-missing",
    summary="Instructions name a file that the repository does not have.",
    on="project",
    severity="warning",
    confidence="medium",
    why="A model looks for the file, does not find it, and searches or makes one up. Only paths with a folder and an "
    "ending, in backquotes, whose first folder exists are looked at; not those that the sentence calls new, generated "
    "or an example, nor any that a file somewhere in the repository ends with.",
    mend="Correct the path.",
    verified=VERIFIED,
    bad=Example(
        {".git/HEAD": "x", "AGENTS.md": "Settings are in `src/conf.py`.\n", "src/config.py": "x\n"},
        ("AGENTS.md", 1, 18),
    ),
    good=Example(
        {
            "AGENTS.md": "Settings are in `src/config.py`; create `src/new.py`.\nSee `lib/x.py`.\n",
            "src/config.py": "x\n",
        }
    ),
)
def path_missing(project: Project) -> Iterator[Finding]:
    """Paths in code spans of instructions."""
    for file, found, repository in _repositories(project):
        for item in found:
            if item.tool != "path" or item.hedged or not repository.whole:
                continue
            name = item.name.removeprefix("./")
            first = name.partition("/")[0]
            bases = (file.path.parent, repository.root)
            if _MADE & set(name.split("/")[:-1]) or not any((base / first).is_dir() for base in bases):
                continue
            project.uses(*(base / name for base in bases))
            if any((base / name).exists() for base in bases) or repository.files is None:
                continue
            if not any(path.endswith(f"/{name}") for path in repository.files):
                help_ = nearest(name, [path[1:] for path in repository.files if path.endswith(Path(name).suffix)])
                yield Finding((item.start, item.end), f"`{item.name}` does not exist", help_, file=file.where)


_FILES = {"npm": "package.json", "pnpm": "package.json", "make": "Makefile", "just": "justfile"}


@rule(
    "CTX707",
    "script-missing",
    summary="Instructions tell to run a script or target that does not exist.",
    on="project",
    severity="warning",
    why="The command fails each time a model obeys. All `package.json` scripts, Makefile targets and justfile recipes "
    "of the repository count; where targets are computed or included, nothing is said.",
    mend="Name a script that exists, or write it.",
    verified=VERIFIED,
    bad=(
        Example(
            {"AGENTS.md": "Run `npm run lnt`.\n", "package.json": '{"scripts": {"lint": "x"}}'}, ("AGENTS.md", 1, 6)
        ),
        Example({"AGENTS.md": "```sh\nmake tests\n```\n", "Makefile": "test:\n\techo\n"}, ("AGENTS.md", 2, 1)),
    ),
    good=Example(
        {
            "AGENTS.md": "Run `npm run lint`, never `npm run x`.\n```sh\ncd a && npm test\nmake test\n```\n",
            "package.json": '{"scripts": {"lint": "x"}}',
            "Makefile": ".PHONY: test\ntest:\n\techo\n",
        }
    ),
)
def script_missing(project: Project) -> Iterator[Finding]:
    """Scripts, targets and recipes that commands name."""
    for file, found, repository in _repositories(project):
        for item in found:
            if item.tool not in _FILES or item.hedged:
                continue
            names = repository.names(item.tool)
            if names is None or item.name in names or (item.tool in ("npm", "pnpm") and item.name == "start"):
                continue
            if item.tool == "make" and (repository.root / item.name).exists():
                continue
            message = f"no {_FILES[item.tool]} of the repository has `{item.name}`"
            yield Finding((item.start, item.end), message, nearest(item.name, names), file=file.where)


@rule(
    "CTX708",
    "package-manager",
    summary="Instructions use another package manager than the repository's lock file.",
    on="project",
    severity="warning",
    confidence="medium",
    why="`npm install` beside a `pnpm-lock.yaml` installs other versions and leaves a second lock file behind.",
    mend="Use the manager whose lock file is there.",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "```sh\nnpm install\n```\n", "pnpm-lock.yaml": "x: 1\n"}, ("AGENTS.md", 2, 1)),
    good=Example({"AGENTS.md": "Run `pnpm install`, never `npm install`.\n", "pnpm-lock.yaml": "x: 1\n"}),
)
def package_manager(project: Project) -> Iterator[Finding]:
    """Commands of a manager that has no lock file here, where exactly one other has."""
    for file, found, repository in _repositories(project):
        used = [item for item in found if item.tool == "manager" and not item.hedged]
        if not used:
            continue
        project.uses(repository.root)
        locks = {manager for name, manager in _LOCKS.items() if (repository.root / name).exists()}
        for item in used:
            if len(locks) == 1 and item.name not in locks:
                message = f"the lock file is {next(iter(locks))}'s, the command {item.name}'s"
                yield Finding((item.start, item.end), message, f"use {next(iter(locks))}", file=file.where)
