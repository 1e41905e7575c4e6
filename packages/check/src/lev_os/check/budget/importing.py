"""CPU time of importing a package, in processes of their own: over bare Python, the median of several."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from lev_os.core.errors import LevError
from lev_os.core.packaging import Package

from .model import Measure, Part

_ROUNDS = 5
_SECONDS = 60
_TIMED = """
import json, sys, time
began = time.process_time()
__import__(sys.argv[1])
print(json.dumps((time.process_time() - began) * 1000))
"""
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")


def import_measure(package: Package, limit: int | None, python: str | None) -> Measure:
    """CPU ms of importing the package with byte code written, after one round that is not counted.

    Raises `LevError` when it cannot be imported.
    """
    command = [python or sys.executable, "-c", _TIMED, package.name]
    taken = [float(json.loads(_said(command, package).stdout.splitlines()[-1])) for _ in range(_ROUNDS + 1)]
    value = round(median(taken[1:]), 1)
    note = "depends on the machine" if limit is not None and value > limit else ""
    return Measure("import-ms", package.name, value, limit, note=note, pieces=lambda: _modules(package, python))


def _modules(package: Package, python: str | None) -> tuple[Part, ...]:
    """The modules that are imported, each with its own wall ms as `-X importtime` tells."""
    command = [python or sys.executable, "-X", "importtime", "-c", "import sys; __import__(sys.argv[1])", package.name]
    bare = [python or sys.executable, "-X", "importtime", "-c", "pass"]
    known = {name for _, name in _LINE.findall(_said(bare, package).stderr)}
    found = [(name, int(taken)) for taken, name in _LINE.findall(_said(command, package).stderr) if name not in known]
    return tuple(Part(name, taken / 1000) for name, taken in sorted(found, key=lambda item: (-item[1], item[0])))


def _said(command: list[str], package: Package) -> subprocess.CompletedProcess[str]:
    above = Path(*package.root.parts[: len(package.root.parts) - len(package.name.split("."))])
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = os.pathsep.join([str(above), *filter(None, [env.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            command, cwd=above, env=env, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LevError(f"{package.name} cannot be imported: {error}") from None
    if done.returncode or not done.stderr + done.stdout:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise LevError(f"{package.name} cannot be imported: {last}", help="--python names the project's interpreter")
    return done
