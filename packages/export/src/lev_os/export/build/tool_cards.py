"""The exact schemas of a package's tools. Only here is anything of a package imported, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core.errors import InvalidInput, Location, Problem
from lev_os.core.tools import ToolCard

from . import _import_tools
from .errors import BuildFailed

if TYPE_CHECKING:
    from lev_os.core import Package

_PATIENCE = 120.0
_SHOWN = 15


class _Answer(msgspec.Struct, frozen=True):
    cards: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]]
    errors: list[tuple[str, str, str | None]]


def exact_cards(package: Package, python: str) -> dict[str, ToolCard]:
    """The cards of the functions that a package exports as tools, by subpath; `python` is an interpreter.

    Raises `InvalidInput` with every tool that cannot be imported, `BuildFailed` when importing ends the process, takes
    more than two minutes, or the interpreter has no `lev_os.core`.
    """
    subpaths = [
        export.subpath
        for export in package.exports()
        if export.kind == "tool" and export.subpath not in package.server_tools
    ]
    if not subpaths:
        return {}
    answer = _ask(package, python, subpaths)
    if answer.errors:
        raise InvalidInput(
            Problem("EXP301", message, _place(package, specifier), help) for specifier, message, help in answer.errors
        )
    return {
        subpath: ToolCard(specifier=package.specifier(subpath), name=subpath.rpartition("/")[2].replace("-", "_"),
                          description=description, input_schema=inputs, output_schema=output)
        for subpath, (description, inputs, output) in answer.cards.items()
    }  # fmt: skip


def _place(package: Package, specifier: str) -> Location:
    return package.defined_at(f"./{specifier.removeprefix(package.name).lstrip('/')}")


def _ask(package: Package, python: str, subpaths: list[str]) -> _Answer:
    base = package.root
    for _ in package.name.split("."):
        base = base.parent
    with tempfile.TemporaryDirectory(prefix="lev-build-") as folder:
        file = Path(folder, "answer.json")
        command = [
            python, "-P", str(Path(_import_tools.__file__)), str(base), package.name, str(package.root), str(file),
            *subpaths,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise BuildFailed(f"importing the tools of {package.name} took more than {_PATIENCE:.0f} s") from None
        except OSError as error:
            raise BuildFailed(f"{python} cannot be started: {error.strerror}", help="see --python") from None
        try:
            return msgspec.json.decode(file.read_bytes(), type=_Answer)
        except FileNotFoundError:
            said = done.stdout.decode(errors="replace").strip().splitlines()[-_SHOWN:]
            if any("No module named 'lev_os" in line for line in said):
                help = "install lev-os-core there, or name the project's interpreter with --python"
                raise BuildFailed(f"{python} has no lev_os.core, so no tool can be imported", help=help) from None
            lines = "".join(f"\n    {line}" for line in said)
            raise BuildFailed(
                f"importing the tools of {package.name} ended the process (exit code {done.returncode}){lines}",
                help="a module of tools only defines; what it does on import belongs into functions",
            ) from None
