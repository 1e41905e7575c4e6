"""Fixtures of the command line: `lev` in this process, and as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lev_os.cli import main
from lev_os.core.packaging import specifiers


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The whole of stdout as one JSON document."""
        return json.loads(self.out)


Lev = Callable[..., Said]


@pytest.fixture
def lev(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lev:
    """`lev("list", "--json")` in this process, in an empty project."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEV_MODEL", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Every test's package has the same name; a process of its own would remember none of another test's.
    monkeypatch.setattr(specifiers, "_shared", [])

    def run(*args: str) -> Said:
        capsys.readouterr()
        code = main(list(args))
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Lev:
    """The same as a process of its own; `env` adds variables, `stdin` is text."""
    (tmp_path / "pyproject.toml").touch()

    def run(*args: str, env: Mapping[str, str] = {}, stdin: str | None = None, cwd: Path = tmp_path) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "lev_os.cli", *args],
            env={**os.environ, **env},
            input=stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run
