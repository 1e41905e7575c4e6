"""Packages made out of what people have: `lev import --from FORMAT PATH`. One module a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from lev_os.core.errors import LevError

from .taken import Taken

__all__ = ["FORMATS", "read"]

FORMATS: Mapping[str, str] = {
    "apm": "a package of apm: apm.yml and .apm/",
    "intent": "an npm package with skills for TanStack Intent",
    "skills": "folders with a SKILL.md",
    "agents-md": "AGENTS.md, CLAUDE.md and their kin, of a repository or one file",
    "tile": "a Tessl tile: tile.json with docs, steering and skills",
    "dotprompt": "prompts of Dotprompt: *.prompt",
    "prompty": "prompts of Prompty: *.prompty",
}
"""What can be read, and what it is. The module of a format has `read(path) -> Taken`."""


def read(format: str, path: Path) -> Taken:
    """Everything that can be taken from `path`; raises `LevError` when there is nothing of that format."""
    if format not in FORMATS:
        raise LevError(f"nothing is known of the format {format!r}", help=f"one of {', '.join(FORMATS)}")
    if not path.exists():
        raise LevError(f"there is no {path}")
    reader: Callable[[Path], Taken] = import_module(f".{format.replace('-', '_')}", __name__).read
    taken = reader(path)
    if not (taken.contexts or taken.flows or taken.skills):
        told = "".join(f"\n    {note}" for note in taken.notes)
        raise LevError(f"{path} holds nothing of the format {format}{told}")
    return taken
