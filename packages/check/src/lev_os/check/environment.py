"""The project's own Python environment: the one that `--python` names, else the nearest `.venv`, else ours.

It is read and never imported from: `lev` may run in an environment of its own (`uvx lev-os`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from msgspec import Struct


class Environment(Struct, frozen=True):
    """`paths`: its folders of installed packages. `own`: it is the environment that runs this check."""

    paths: tuple[str, ...]
    prefix: Path | None = None
    own: bool = False


def find_environment(start: str | os.PathLike[str], python: str | None = None) -> Environment:
    """The environment of the project around `start`; `python` is an interpreter or the folder of an environment.

    An environment without packages has no `paths`; that it exists is for the caller to say.
    """
    prefix = _prefix_of(python) if python is not None else _nearest(os.path.abspath(os.fspath(start)))
    if prefix is None or os.path.realpath(prefix) == os.path.realpath(sys.prefix):
        return Environment(tuple(_own_paths()), Path(sys.prefix), own=True)
    return Environment(tuple(_site_packages(prefix)), Path(prefix))


def _prefix_of(python: str) -> str:
    given = os.path.abspath(os.path.expanduser(python))
    # The link itself counts, not what it points at: that is how a virtual environment works.
    return given if os.path.isdir(given) else os.path.dirname(os.path.dirname(given))


def _nearest(folder: str) -> str | None:
    while True:
        if os.path.isfile(os.path.join(folder, ".venv", "pyvenv.cfg")):
            return os.path.join(folder, ".venv")
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _own_paths() -> list[str]:
    return [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]


def _site_packages(prefix: str) -> list[str]:
    lib = os.path.join(prefix, "lib")
    try:
        versions = sorted((name for name in os.listdir(lib) if name.startswith("python3")), reverse=True)
    except OSError:
        versions = []
    found = [os.path.join(lib, name, "site-packages") for name in versions]
    found.append(os.path.join(prefix, "Lib", "site-packages"))  # Windows
    return [path for path in found if os.path.isdir(path)][:1]
