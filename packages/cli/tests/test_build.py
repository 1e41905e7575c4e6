"""`lev build`: what it says, its exit codes, and that it does what it is for on a new package."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]


@pytest.fixture
def billing(lev: Lev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new package, with the current folder in its project."""
    lev("new", "package", "acme-billing")
    monkeypatch.chdir(tmp_path / "acme-billing")
    return tmp_path / "acme-billing" / "src" / "acme_billing"


def test_a_new_package(lev: Lev, billing: Path) -> None:
    """Everything is made; for CI it is then up to date, until a file changes."""
    assert lev("build", "--check").code == 1
    assert not (billing / "tools.json").exists()
    said = lev("build")
    assert said.code == 0, said.err
    assert "+ flows/__init__.pyi\n+ tools.json\n" in said.out
    assert "acme_billing-0.1.0-py3-none-any.whl (" in said.out
    assert "uv build in " in said.err
    assert "the wheel holds all 8 exports" in said.err
    assert lev("build", "--check").code == 0
    flow = billing / "flows" / "greet.yaml"
    flow.write_text(flow.read_text().replace("  name: string\n", "  name: string\n  age: integer\n"))
    said = lev("build", "--check")
    assert (said.code, said.out) == (1, "~ flows/__init__.pyi\n")
    assert "1 of 3 generated files would change" in said.err


def test_as_json(lev: Lev, billing: Path) -> None:
    """One document: the files, which of them changed, and the distributions with their digests."""
    said = lev("build", "acme_billing", "--json", "--lazy", "acme_billing.contexts", "--out", "made")
    assert said.code == 0, said.err
    found = said.json
    assert (found["package"], found["exports"], said.err) == ("acme_billing", 8, "")
    assert str(billing / "contexts" / "__init__.py") in found["changed"]
    for item in found["distributions"]:
        data = Path(item["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (item["bytes"], item["sha256"])
    found = lev("build", "--check", "--json").json
    assert (found["changed"], found["written"], found["distributions"]) == ([], False, [])
    assert len(found["files"]) == 4


def test_only_what_is_generated(lev: Lev, billing: Path) -> None:
    """No wheel: also where there is no project to build."""
    (billing.parent.parent / "pyproject.toml").unlink()
    said = lev("build", "--no-dist", str(billing))
    assert said.code == 0, said.err
    assert (billing / "tools.json").exists()
    said = lev("build", str(billing))
    assert said.code == 3
    assert "--no-dist" in said.err


def test_a_failure(lev: Lev, billing: Path) -> None:
    """The exit code says of which kind; nothing was written."""
    (billing / "tools.py").write_text("raise OSError('disk')\ndef greeting(name: str) -> str: ...\n")
    before = sorted(os.walk(billing))
    said = lev("build", "--json")
    assert said.code == 2
    assert said.json["error"]["problems"][0]["code"] == "EXP301"
    assert "OSError: disk" in said.json["error"]["problems"][0]["message"]
    assert sorted(os.walk(billing)) == before


@pytest.mark.parametrize(
    "arguments", [("--check", "--no-dist"), ("--check", "--out", "x"), ("--no-dist", "--out", "x"), ("gone",)]
)
def test_wrong_use(lev: Lev, billing: Path, arguments: tuple[str, ...]) -> None:
    """Options that contradict each other, a package that is not there."""
    assert lev("build", *arguments).code == 2


@pytest.mark.slow
def test_interrupted(lev: Lev, billing: Path) -> None:
    """Ctrl-C while the backend works: the tree is as it was, and the exit code says so."""
    project = billing.parent.parent
    text = (project / "pyproject.toml").read_text().replace('requires = ["uv_build>=0.9,<0.14"]', "requires = []")
    text = text.replace('build-backend = "uv_build"', 'build-backend = "slow"\nbackend-path = ["."]')
    (project / "pyproject.toml").write_text(text)
    (project / "slow.py").write_text("import time\ndef build_sdist(*_): open('begun', 'w').close(), time.sleep(60)\n")
    before = sorted(os.walk(project / "src"))
    command = [sys.executable, "-m", "lev_os.cli", "build"]
    process = subprocess.Popen(command, cwd=project, start_new_session=True, stdout=subprocess.PIPE, stderr=-1)
    for _ in range(300):
        if (project / "begun").exists():
            break
        time.sleep(0.1)
    assert (billing / "tools.json").exists()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert sorted(os.walk(project / "src")) == before
    assert not (project / "dist").exists()
