"""Wheel and sdist, made by `uv build` in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .archives import build_time, normal
from .errors import BuildFailed

_SHOWN = 20
_SUFFIXES = (".whl", ".tar.gz")


def find_uv() -> str:
    """uv on the path, else the one of the distribution `uv`; raises `BuildFailed` when there is neither."""
    found = shutil.which("uv")
    if found:
        return found
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError):
        help = "install it with `pip install 'lev-os[build]'`, or see https://docs.astral.sh/uv"
        raise BuildFailed("wheels and sdists are made by uv, which is not here", help=help) from None


def make_distributions(project: Path, python: str, scratch: Path) -> Mapping[str, bytes]:
    """The sdist of a project and the wheel that is made of it, by file name, the same bytes for the same files.

    `scratch` is an empty folder. Raises `BuildFailed` with what uv says when it fails.
    """
    when = build_time()
    there = set(_left_behind(project))
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [find_uv(), "build", "--out-dir", str(scratch), "--python", python],
        cwd=project, env=env | {"SOURCE_DATE_EPOCH": str(when), "NO_COLOR": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    for folder in set(_left_behind(project)) - there:
        shutil.rmtree(folder, ignore_errors=True)
    files = sorted(path for path in scratch.iterdir() if path.name.endswith(_SUFFIXES))
    if done.returncode or len(files) != len(_SUFFIXES):
        said = done.stdout.decode(errors="replace").strip().splitlines()[-_SHOWN:]
        lines = "".join(f"\n    {line}" for line in said)
        raise BuildFailed(f"`uv build` failed in {project}{lines}", help="`uv build` there shows all of it")
    try:
        return {path.name: normal(path, when) for path in files}
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise BuildFailed(f"what `uv build` made of {project} cannot be read: {error}") from None


def _left_behind(project: Path) -> Iterator[Path]:
    """What setuptools leaves in the sources."""
    for folder in (project, project / "src"):
        yield from folder.glob("*.egg-info")
    yield from project.glob("build")


def project_of(root: Path, name: str) -> Path:
    """The project that builds the package at `root`; raises `BuildFailed` when there is none around it."""
    import tomllib

    base = root.parents[name.count(".")]
    for folder in (base, base.parent):
        try:
            data: Mapping[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as error:
            raise BuildFailed(f"{folder / 'pyproject.toml'} cannot be read: {error}") from None
        if "project" in data:
            return folder
    raise BuildFailed(
        f"there is no pyproject.toml with a [project] around {root}, so there is nothing to build",
        help="`lev build --no-dist` only writes what is generated into the package",
    )
