"""Every code block of the documentation and of the docstrings is run, parsed or checked.

A page's blocks run in order, in one empty folder and one namespace, as a reader would run them:

- `python`: executed, `>>>` sessions as doctests; `await` works at the top level
- `console`: each `$ command` is run and the output below it compared, where `...` stands for anything; without
  output only its success counts; a command that fails is followed by `$ echo $?`
- `sh`: what cannot run inside a test; its syntax and the targets of its `make` lines are checked
- `yaml`, `toml`, `markdown`, `json`: parsed; flows, agents, constitutions, manifests and contexts by our own readers
- `js`: parsed by Node; `ts`: compiled beside the npm packages of the page's folder
- `title="path"` after the language writes the block to that file first
- a page that starts with `<!-- group: slow -->` belongs to that group of tests
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\w*)(?P<attributes>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.M | re.S
)
TITLE = re.compile(r'title="([^"]+)"')
GROUP = re.compile(r"<!-- group: (\w+) -->")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    language: str
    title: str | None
    text: str
    where: str


def blocks(text: str, path: Path) -> Iterator[Block]:
    """The fenced blocks of a text, each with the place it starts at."""
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        title = TITLE.search(found["attributes"])
        yield Block(found["language"], title and title[1], found["body"], f"{path.relative_to(ROOT)}:{line}")


class Session:
    """What the blocks of one page share: a folder, a namespace, the last exit code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__docs__"}
        self.code = 0
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("LEV_", "UV_", "VIRTUAL_"))}
        self.env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def read(self, page: str, path: Path) -> None:
        """Run every block of a page; what its last command gave counts too."""
        for block in blocks(page, path):
            self.run(block)
        assert self.code == 0, f"{path}: the last command gave exit code {self.code}"

    def run(self, block: Block) -> None:
        if block.title:
            file = self.folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        check = getattr(self, f"check_{block.language}", None)
        assert check, f"{block.where}: a block says its language; {block.language!r} is not one that is tested"
        check(block)
        assert block.language == "console" or self.code == 0, f"{block.where}: the command before it failed"

    def check_text(self, block: Block) -> None:
        """Prose in a fixed width: a layout, a grammar."""

    def check_python(self, block: Block) -> None:
        if block.title:
            compile(block.text, block.where, "exec")
        elif ">>>" in block.text:
            run_doctest(block.text, block.where, self.names)
        else:
            code = compile(block.text, block.where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            result = eval(code, self.names)  # noqa: S307  # the page's own code
            if inspect.iscoroutine(result):
                asyncio.run(result)

    def check_console(self, block: Block) -> None:
        for command, expected in commands(block):
            if command == "echo $?":
                assert expected.strip() == str(self.code), f"{block.where}: exit code {self.code}"
                self.code = 0
                continue
            assert self.code == 0, f"{block.where}: the command before `{command}` gave exit code {self.code}"
            if command.startswith("cd "):
                self.folder = (self.folder / command.removeprefix("cd ")).resolve(strict=True)
                continue
            done = subprocess.run(
                ["bash", "-c", command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
            )  # fmt: skip
            self.code = done.returncode
            agrees = not expected.strip() or matches(expected, done.stdout)
            assert agrees, f"{block.where}: `{command}` printed\n{done.stdout}"

    def check_sh(self, block: Block) -> None:
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
        for target in re.findall(r"^make ([\w-]+)", block.text, re.M):
            subprocess.run(["make", "-n", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def check_yaml(self, block: Block) -> None:
        from lev_os.core import Constitution, Flow
        from lev_os.core.agents import AgentDeclaration
        from lev_os.core.documents import read_yaml

        data = read_yaml(block.text, path=block.where).data
        if "flowmind" in data:
            Flow.parse(block.text, path=block.where)
        elif "agent" in data:
            AgentDeclaration.parse(block.text, path=block.where)
        elif "constitution" in data:
            Constitution.parse(block.text, path=block.where)

    def check_toml(self, block: Block) -> None:
        data = tomllib.loads(block.text)
        if "format" in data:
            from lev_os.core.packaging import parse_manifest

            parse_manifest(block.text, name=data.get("name", "package"), path=block.where)

    def check_markdown(self, block: Block) -> None:
        from lev_os.core import Context

        Context.parse(block.text, path=block.where)

    def check_json(self, block: Block) -> None:
        json.loads(block.text)

    def check_js(self, block: Block) -> None:
        command = ["node", "--input-type=module", "--check", "-"]
        subprocess.run(command, input=block.text, text=True, check=True)

    def check_ts(self, block: Block) -> None:
        tsc = ROOT / ".tools" / "npm-gates" / "node_modules" / ".bin" / "tsc"
        if not tsc.exists():
            pytest.skip("tsc is not in .tools/npm-gates, where .ci/run installs it")
        (self.folder / "page.mts").write_text(block.text, encoding="utf-8")
        options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--ignoreConfig"]
        done = subprocess.run([str(tsc), *options, "page.mts"], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{block.where}: {done.stdout}"


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each `$ command` (continued by a backslash) with the output written below it."""
    parts = re.split(r"^\$ ", block.text, flags=re.M)
    assert not parts[0].strip(), f"{block.where}: a console block starts with `$ `"
    for part in parts[1:]:
        command, _, output = re.sub(r"\\\n", "", part).partition("\n")
        yield command.strip(), output


def matches(expected: str, printed: str) -> bool:
    """Equal but for trailing space, where `...` stands for anything."""

    def lines(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern = ".*".join(re.escape(piece) for piece in lines(expected).split("..."))
    return re.fullmatch(pattern, lines(printed), re.S) is not None


def run_doctest(text: str, where: str, names: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(text, names, where, where, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def pages() -> list[Any]:
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    found += [*ROOT.glob("packages/*/README.md"), *ROOT.glob("examples/*/README.md")]
    marked = []
    for path in sorted(found):
        group = GROUP.match(path.read_text(encoding="utf-8"))
        marks = [getattr(pytest.mark, group[1])] if group else []
        marked.append(pytest.param(path, id=str(path.relative_to(ROOT)), marks=marks))
    return marked


def docstrings() -> Iterator[tuple[str, str, Path]]:
    """Every docstring of the packages that shows code."""
    for path in sorted(ROOT.glob("packages/*/src/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            text = ast.get_docstring(node)
            if text and (">>>" in text or "```" in text):
                name = getattr(node, "name", "module")
                yield f"{path.relative_to(ROOT)}:{name}", text, path


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Session(tmp_path)


@pytest.mark.parametrize("path", pages())
def test_a_page_is_true(path: Path, session: Session) -> None:
    """What a page shows is what happens."""
    session.read(path.read_text(encoding="utf-8"), path)


@pytest.mark.parametrize("path", pages())
def test_a_page_links_to_what_exists(path: Path) -> None:
    """A relative link leads to a file, and its `#part` to a heading of it."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)|(?:src|srcset)=\"(?!\w+:)([^\"]+)\"", text):
        file, _, part = next(filter(None, target)).partition("#")
        linked = (path.parent / file) if file else path
        assert linked.exists(), f"{path.relative_to(ROOT)}: no {file}"
        if part:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert part in slugs, f"{path.relative_to(ROOT)}: {file} has no heading #{part}"


def test_docstrings_are_true(session: Session) -> None:
    """Examples in docstrings run as they stand, each in a namespace of its own."""
    for name, text, path in docstrings():
        session.names = {"__name__": "__docs__"}
        if "```" in text:
            session.read(textwrap.dedent(text) + "\n", path)
        else:
            run_doctest(text, name, session.names)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("```console\n$ echo one\ntwo\n```\n", id="other output"),
        pytest.param("```console\n$ false\n```\n", id="a failure nobody mentions"),
        pytest.param("```console\n$ exit 3\n$ echo $?\n4\n```\n", id="another exit code"),
        pytest.param("```python\nassert 1 == 2\n```\n", id="an exception"),
        pytest.param("```python\n>>> 1 + 1\n3\n```\n", id="another value"),
        pytest.param("```\nno language\n```\n", id="no language"),
        pytest.param("```sh\nmake no-such-target\n```\n", id="a target that is not there"),
    ],
)
def test_a_page_that_is_wrong_is_noticed(wrong: str, session: Session) -> None:
    """The harness can fail: one wrong block of each kind."""
    with pytest.raises((AssertionError, subprocess.CalledProcessError)):
        session.read(wrong, ROOT / "wrong.md")
