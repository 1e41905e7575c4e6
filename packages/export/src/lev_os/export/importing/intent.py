"""TanStack Intent: an npm package with `skills/**/SKILL.md`, whose heads say more than the format of skills knows.

`type`, `library`, `requires` and the like move under `metadata`; `core/queries` becomes `core-queries`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lev_os.core.errors import LevError

from .skills import skill_folders
from .taken import Taken, text_of

__all__ = ["read"]


def read(path: Path) -> Taken:
    """The npm package at `path`."""
    root = path if path.is_dir() else path.parent
    file = root / "package.json"
    if not file.is_file():
        raise LevError(f"there is no package.json in {root}")
    try:
        data = json.loads(text_of(file))
    except ValueError as error:
        raise LevError(f"{file} is not JSON: {error}") from None
    if not isinstance(data, Mapping):
        raise LevError(f"{file} is not an object")
    name = str(data.get("name") or root.resolve().name)
    taken = Taken(
        name.replace("@", "").replace("/", "-"),
        str(data.get("description") or ""),
        str(data.get("version") or "0.1.0"),
        str(data.get("license") or ""),
    )
    skills = root / "skills"
    for folder in skill_folders(skills):
        place = folder.relative_to(skills).as_posix()
        taken.skill(folder, f"skills/{place}/SKILL.md", name=taken.name if place == "." else place)
    if data.get("dependencies") or data.get("peerDependencies"):
        taken.note("package.json", "its dependencies are npm packages and are not taken; neither is its code")
    return taken
