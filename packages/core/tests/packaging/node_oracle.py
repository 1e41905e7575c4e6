"""Real Node as the oracle for export resolution: cases are written as packages, and Node is asked.

`import.meta.resolve` does not need the targets to exist, so a case is a folder with a `package.json`. Node answers
with a URL; our target is turned into one by Node itself (`new URL(target, package)`), so that only the choice of
the target is compared, not the spelling of paths.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lev_os.core.packaging import ExportNotFound, InvalidExports, InvalidSubpath, resolve_exports

ALWAYS = frozenset({"node", "import", "module-sync", "node-addons"})
"""The conditions that Node's `import` adds to those of the user."""

CONDITION_SETS: tuple[tuple[str, ...], ...] = ((), ("llm",), ("llm-first", "llm", "python"))

_SCRIPT = r"""
import { readFileSync, writeFileSync } from 'node:fs';
const [, , casesFile, answersFile] = process.argv;
const cases = JSON.parse(readFileSync(casesFile, 'utf8'));
const answers = cases.map(({ at, subpath, ours }) => {
  const home = new URL(at + '/', import.meta.url);
  const self = new URL('node_modules/p/', home);
  const asUrl = ours === null ? null : new URL(ours, self).href;
  try {
    const theirs = import.meta.resolve('p' + subpath.slice(1), new URL('main.mjs', home));
    return { theirs, asUrl };
  } catch (error) {
    return { error: error.code ?? String(error), asUrl };
  }
});
writeFileSync(answersFile, JSON.stringify(answers));
"""

_ERRORS = {
    "ERR_PACKAGE_PATH_NOT_EXPORTED": ExportNotFound,
    "ERR_INVALID_PACKAGE_TARGET": InvalidExports,
    "ERR_INVALID_PACKAGE_CONFIG": InvalidExports,
    "ERR_INVALID_MODULE_SPECIFIER": InvalidSubpath,
    "URIError: URI malformed": InvalidSubpath,  # from Node's fileURLToPath, which every file target goes through
}


@dataclass(frozen=True)
class Case:
    exports: Any
    subpath: str


def find_node(major: int) -> str | None:
    """A Node of that major version: `LEV_NODE<major>`, the project's own tools, or the one on the path."""
    folder = os.environ.get(f"LEV_NODE{major}")
    tools = next((up / ".tools" for up in Path(__file__).resolve().parents if (up / ".tools").is_dir()), None)
    candidates = [
        *([folder, str(Path(folder, "node")), str(Path(folder, "node_modules/.bin/node"))] if folder else []),
        *([str(tools / f"node{major}/node_modules/.bin/node")] if tools else []),
        shutil.which("node") or "",
    ]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate) and _version(candidate) == major:
            return candidate
    return None


def _version(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.strip().removeprefix("v").partition(".")[0] or 0)


def differences(node: str, cases: Sequence[Case], conditions: Sequence[str], folder: Path) -> list[str]:
    """Where Node and `resolve_exports` disagree, one line for each case."""
    asked, ours = [], []
    for number, case in enumerate(cases):
        home = folder / str(number // 500) / str(number)
        package = home / "node_modules/p"
        if not package.exists():
            package.mkdir(parents=True)
            manifest = {"name": "p", "version": "1.0.0", "exports": case.exports}
            (package / "package.json").write_text(json.dumps(manifest), "utf-8")
        try:
            answer: str | type = resolve_exports(case.exports, case.subpath, {*conditions, *ALWAYS})
        except (ExportNotFound, InvalidExports) as error:
            answer = type(error)
        ours.append(answer)
        at = home.relative_to(folder).as_posix()
        asked.append({"at": at, "subpath": case.subpath, "ours": answer if isinstance(answer, str) else None})
    (folder / "oracle.mjs").write_text(_SCRIPT, "utf-8")
    (folder / "cases.json").write_text(json.dumps(asked), "utf-8")
    flags = ["--no-warnings", "--experimental-import-meta-resolve", *(f"--conditions={name}" for name in conditions)]
    subprocess.run([node, *flags, "oracle.mjs", "cases.json", "answers.json"], cwd=folder, check=True)
    answers = json.loads((folder / "answers.json").read_text("utf-8"))
    return [
        f"{json.dumps(case.exports)} {case.subpath!r} {list(conditions)}: node {theirs}, we {mine}"
        for case, theirs, mine in zip(cases, answers, ours, strict=True)
        if not _agree(theirs, mine)
    ]


def _agree(theirs: dict[str, Any], mine: str | type) -> bool:
    if isinstance(mine, str):
        return theirs.get("theirs") == theirs["asUrl"]
    expected = _ERRORS.get(theirs.get("error", ""), str)
    return issubclass(mine, expected) and (mine is InvalidSubpath) == (expected is InvalidSubpath)


# fmt: off
_SEGMENTS = [
    "a", "b", "x", "contexts", "a-b",
    ".", "..", "%2e", "%2E.", "node_modules", "Node_Modules", "n%6fde_modules",
]
_ODD = [
    " ", "a b", "é", "日", "a%20b", "a%2fb", "a%5Cb", "a\\b", "..\\x", "x?y",
    "x#y", "*", "a*", "%", "ſ", ".a", "a.", "...", "~", "@s",
]
_NAMES = [
    "default", "llm", "llm-first", "python", "import", "require", "node", "module-sync", "node-addons", "x", "types",
]
_NUMBERS = [
    "0", "1", "42", "1.5", "01", "-1", "4294967294", "4294967295", "1e3", "1e-7", "0.1", "Infinity", "NaN", "1e21",
]
# fmt: on
_WRONG_TARGETS = ("x", "/x", "../x", "https://example.org/x", "./", ".", "..", "file:///x", "./\t../x")
_TRAILERS = ("", "", ".md", ".js", "/x", "*")


class Fuzzer:
    """Seeded export maps and requests, most of them nearly right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def case(self) -> Case:
        exports = self.exports()
        return Case(exports, self.subpath(exports))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def segment(self) -> str:
        roll = self.random.random()
        return self.random.choice(_SEGMENTS[:5] if roll < 0.8 else _SEGMENTS if roll < 0.92 else _ODD)

    def path(self) -> str:
        segments = [self.segment() for _ in range(self.random.choice((1, 1, 2, 2, 3)))]
        return "/".join(segments) + self.random.choice(("", "", "", "", ".md", ".js", "/"))

    def key(self) -> str:
        roll = self.random.random()
        if roll < 0.1:
            return "."
        if roll < 0.45:
            return "./" + self.path()
        if roll < 0.92:
            folder = self.path() + "/" if self.chance(0.7) else ""
            return f"./{folder}{self.random.choice(('', '', 'a', 'x-'))}*{self.random.choice(_TRAILERS)}"
        return self.random.choice(("./", "./*", "./*/", "../x", ".x", "./a*b", "./a*b*", "./*/*"))

    def target(self, depth: int = 0) -> Any:
        roll = self.random.random()
        if roll < 0.58 or depth > 3:
            return self.target_text()
        if roll < 0.66:
            return None
        if roll < 0.88:
            return self.conditions(depth)
        if roll < 0.97:
            return [self.target(depth + 1) for _ in range(self.random.choice((0, 1, 2, 2, 3)))]
        return self.random.choice((False, True, 1, 2.5, "", "x"))

    def target_text(self) -> str:
        roll = self.random.random()
        if roll < 0.08:
            return self.random.choice(_WRONG_TARGETS)
        if self.chance(0.55):
            star = self.random.choice(("*", "*", "*", "*/*"))
            return f"./{self.path()}{self.random.choice(('', '/', '/'))}{star}{self.random.choice(('', '.md', '.js'))}"
        return "./" + self.path()

    def conditions(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(_NAMES, self.random.choice((0, 1, 2, 2, 3, 4)))
        if self.chance(0.04):
            names.insert(self.random.randrange(len(names) + 1), self.random.choice(_NUMBERS))
        return {name: self.target(depth + 1) for name in names}

    def exports(self) -> Any:
        roll = self.random.random()
        if roll < 0.06:
            return self.target_text()
        if roll < 0.1:
            return [self.target(1) for _ in range(self.random.choice((0, 1, 2)))]
        if roll < 0.18:
            return self.conditions(0)
        table = {self.key(): self.target() for _ in range(self.random.choice((0, 1, 2, 3, 4, 6)))}
        if self.chance(0.02):
            table[self.random.choice((*_NAMES, *_NUMBERS, ""))] = self.target()
        return table

    def subpath(self, exports: Any) -> str:
        keys = [key for key in exports if key.startswith(".")] if isinstance(exports, dict) else []
        if self.chance(0.1) or (not keys and self.chance(0.6)):
            return "."
        if keys and self.chance(0.9):
            key = self.random.choice(keys)
            star = self.path() if self.chance(0.5) else self.segment()
            asked = key.replace("*", star) if self.chance(0.97) else key
        else:
            asked = "./" + self.path()
        if self.chance(0.04):
            asked += self.random.choice(("/", "x", ".md", "*"))
        # Node reads `p/x`: what does not start with `./` or is no URL text cannot be asked for.
        return asked if asked.startswith("./") and asked.isprintable() else "."
