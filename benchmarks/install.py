"""Peers, each in an environment of its own under `.peers`, pinned; never in the project's environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .measure import ROOT, CannotMeasure, environment

FOLDER = ROOT / "benchmarks" / ".peers"


def python(name: str, *requirements: str) -> Path:
    """The `bin` folder of an environment that holds exactly these requirements."""
    home = FOLDER / name
    if not _is_there(home, requirements):
        uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
        if not (uv := shutil.which(uv) or ""):
            raise CannotMeasure("uv is not installed; `make bench` installs it")
        uv = str(Path(uv).absolute())  # the Makefile's own is a relative path, and it runs elsewhere
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)])
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(home), *requirements])
        _remember(home, requirements)
    return home / "bin"


def node(name: str, *requirements: str) -> Path:
    """A folder whose `node_modules` holds these packages."""
    if not shutil.which("npm"):
        raise CannotMeasure("npm is not installed")
    home = FOLDER / name
    if not _is_there(home, requirements):
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"type": "module", "private": true}\n', encoding="utf-8")
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        _run(["npm", "install", "--prefix", str(home), *quiet, *requirements])
        _remember(home, requirements)
    return home


def _is_there(home: Path, requirements: Sequence[str]) -> bool:
    stamp = home / ".requirements.json"
    return stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == list(requirements)


def _remember(home: Path, requirements: Sequence[str]) -> None:
    (home / ".requirements.json").write_text(json.dumps(list(requirements)), encoding="utf-8")


def _run(command: Sequence[str]) -> None:
    env = environment() | {"UV_PYTHON_DOWNLOADS": os.environ.get("UV_PYTHON_DOWNLOADS", "never")}
    # Elsewhere, since inside the workspace uv would hold peers to the workspace's own versions.
    done = subprocess.run(command, cwd=ROOT.anchor, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotMeasure(f"{Path(command[0]).name} could not install it: {reason}")
