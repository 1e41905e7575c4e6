"""TanStack Intent: an npm package with `skills/**/SKILL.md`, whose heads say more than the format of skills knows.

`type`, `library`, `requires` and the like move under `metadata`; `core/queries` becomes `core-queries`.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from lev_os.core.errors import LevError

from .skills import skill_folders
from .taken import Taken, text_of

__all__ = ["read"]

_LINK = re.compile(rb"(\]\(|^\[[^\]\n]+\]:[ \t]*)(\.{1,2}/[^()\s]+)(\)|[ \t]*$)", re.MULTILINE)


def read(path: Path) -> Taken:
    """The npm package at `path`."""
    root = path if path.is_dir() else path.parent
    file = root / "package.json"
    if not file.is_file():
        raise LevError(f"there is no package.json in {root}")
    try:
        about = json.loads(text_of(file))
    except ValueError as error:
        raise LevError(f"{file} is not JSON: {error}") from None
    if not isinstance(about, Mapping):
        raise LevError(f"{file} is not an object")
    name = str(about.get("name") or root.resolve().name)
    taken = Taken(
        name.replace("@", "").replace("/", "-"),
        str(about.get("description") or ""),
        str(about.get("version") or "0.1.0"),
        str(about.get("license") or ""),
    )
    skills = root / "skills"
    names: dict[str, str] = {}
    for folder in skill_folders(skills):
        place = folder.relative_to(skills).as_posix()
        name_now = taken.skill(folder, f"skills/{place}/SKILL.md", name=taken.name if place == "." else place)
        if name_now is not None:
            names[place] = name_now
    for place, name_now in names.items():
        files = taken.skills[name_now]
        for page, data in files.items():
            if page.endswith(".md"):
                files[page] = _relinked(data, posixpath.join(place, page), posixpath.join(name_now, page), names)
    if about.get("dependencies") or about.get("peerDependencies"):
        taken.note("package.json", "its dependencies are npm packages and are not taken; neither is its code")
    return taken


def _relinked(data: bytes, before: str, after: str, names: Mapping[str, str]) -> bytes:
    """A page whose links to pages of other skills lead to where those lie now."""

    def moved(link: re.Match[bytes]) -> bytes:
        path, mark, anchor = link[2].decode(errors="surrogateescape").partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(before), path))
        place = max((place for place in names if f"{target}/".startswith(f"{place}/")), key=len, default=None)
        if not path or place is None:
            return link[0]
        now = posixpath.relpath(names[place] + target.removeprefix(place), posixpath.dirname(after))
        return link[1] + f"{now}{mark}{anchor}".encode(errors="surrogateescape") + link[3]

    return _LINK.sub(moved, data)
