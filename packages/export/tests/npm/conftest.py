"""Packages written for a test, their twins on disk, Node in two versions, and the tools that judge an npm package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from lev_os.core import Package

sys.path.insert(0, str(Path(__file__).parent))  # `npm_support` is a module beside the tests, not a test

from npm_support import MakePackage, Run, Twin, execute, rendered

ROOT = Path(__file__).resolve().parents[4]
GATES = [ROOT / ".tools" / name / "node_modules" / ".bin" for name in ("npm-gates", "validators-node")]


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """`make_package(toml, {path: text})` writes a package `acme` and loads it, without any import."""

    def make(toml: str, files: Mapping[str, str | bytes] = {}, *, name: str = "acme", version: str = "1.2") -> Package:
        root = tmp_path / "sources" / name.replace(".", "/")
        everything = {"lev.toml": toml, "__init__.py": "raise AssertionError('imported')\n", **files}
        for path, content in everything.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return Package(name, root, version=version)

    return make


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    """`twin(package)` writes its twin where a program in `tmp_path/app` finds it, and gives the folder."""

    def write(package: Package) -> Path:
        made = rendered(package)
        folder = tmp_path / "app" / "node_modules" / str(package.manifest.npm_name or package.name.replace("_", "-"))
        for path, data in made.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return folder

    return write


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.strip().removeprefix("v").partition(".")[0] or 0)


def _node(major: int) -> str:
    for candidate in (str(ROOT / f".tools/node{major}/node_modules/.bin/node"), shutil.which("node") or ""):
        if candidate and os.path.isfile(candidate) and _major(candidate) == major:
            return candidate
    pytest.skip(f"there is no Node {major}: `npm install --prefix .tools/node{major} node@{major}`")


@pytest.fixture(scope="session", params=[20, 24])
def node(request: pytest.FixtureRequest) -> str:
    """Each Node that the twin promises to run on."""
    return _node(request.param)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of a program that uses twins."""
    folder = tmp_path / "app"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def gate(app: Path) -> Run:
    """`gate("publint", …)` runs a tool that `.ci/run` installs, in the program's folder unless `cwd` is given."""

    def run(tool: str, *arguments: str, cwd: Path = app) -> subprocess.CompletedProcess[str]:
        place = next((folder / tool for folder in GATES if (folder / tool).exists()), None)
        if place is None:
            pytest.skip(f"{tool} is not in .tools, where .ci/run installs it")
        # Some of them need a newer Node than 20.
        return execute([str(place), *arguments], cwd, first=str(Path(_node(24)).parent))

    return run
