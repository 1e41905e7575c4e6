"""Skills over MCP: each exported SKILL.md with its folder, by `skills/list`, `skills/get` and `resources/read`.

Source: the extension `io.modelcontextprotocol/skills` (SEP-2640), stable, against MCP 2026-07-28. Everything is read
from disk when it is asked for, so that a digest is that of the bytes a host would read then.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lev_os.core.contexts.folders import files_below
from lev_os.core.contexts.frontmatter import read_frontmatter
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export, Package

EXTENSION = "io.modelcontextprotocol/skills"
FILE = "SKILL.md"
MOST_FILES = 512
MOST_BYTES = 16 << 20
"""What every host must take of one skill, by the specification; a larger one is not served."""


class UnusableSkill(LevError):
    """A skill that no host has to accept; the message says why."""


@dataclass(frozen=True, slots=True)
class Skill:
    """An exported skill. `path` is `package/name`; `folder` holds its SKILL.md."""

    path: str
    folder: Path

    @property
    def uri(self) -> str:
        return self.uri_of(FILE)

    def uri_of(self, file: str) -> str:
        """The URI of a file of the skill, by its path below the folder."""
        return f"skill://{self.path}/{quote(file)}"

    def files(self) -> dict[str, Path]:
        """Every regular file by URI, links left out; raises `UnusableSkill` above what hosts must take."""
        found: dict[str, Path] = {}
        size = 0
        for name in files_below(self.folder):
            place = self.folder / name
            found[self.uri_of(name)] = place
            size += place.stat().st_size
            if len(found) > MOST_FILES or size > MOST_BYTES:
                raise UnusableSkill(
                    f"{self.path} has more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB, which hosts may refuse"
                )
        return found

    def entry(self) -> dict[str, Any]:
        """The skill as hosts list it; raises `UnusableSkill` when it breaks the format."""
        try:
            head = read_frontmatter((self.folder / FILE).read_text("utf-8"), path=str(self.folder / FILE)).data
            files = self.files()
            resources = [_resource(uri, place.read_bytes()) for uri, place in files.items()]
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableSkill(f"{self.path} cannot be read: {error}") from None
        if head.get("name") != self.folder.name or not isinstance(head.get("description"), str):
            raise UnusableSkill(
                f"{self.path}: a skill's `name` is that of its folder ({self.folder.name}), and it has a `description`"
            )
        return {"uri": self.uri, "frontmatter": dict(head), "resources": resources}


@dataclass(frozen=True)
class Shelf:
    """The skills that the chosen packages export."""

    exports: tuple[tuple[Package, Export], ...]

    @cached_property
    def skills(self) -> Mapping[str, Skill]:
        """By the URI of their SKILL.md. What is unusable is left out, with a word on stderr."""
        found: dict[str, Skill] = {}
        for package, export in self.exports:
            try:
                place = package.resolve(export.subpath, "llm").path
                if place is not None and place.name == FILE:
                    skill = Skill(f"{package.name}/{place.parent.name}", place.parent)
                    skill.entry()
                    found[skill.uri] = skill
            except LevError as error:
                print(f"lev mcp: {error}", file=sys.stderr)
        return found

    def entries(self) -> list[dict[str, Any]]:
        """`skills/list`: those that can be used now."""
        entries = []
        for skill in self.skills.values():
            try:
                entries.append(skill.entry())
            except LevError as error:
                print(f"lev mcp: {error}", file=sys.stderr)
        return entries

    def holds(self, export: Export) -> bool:
        """Whether an export is served as a skill, and need not be listed as a text too."""
        return export.kind == "skill" and any(
            skill.path.rpartition("/")[2] == export.name and skill.path.startswith(f"{export.package.name}/")
            for skill in self.skills.values()
        )

    def file(self, uri: str) -> Path | None:
        """The file of a `skill://` URI, if a skill that is served has it."""
        for skill in self.skills.values():
            if uri.startswith(f"skill://{skill.path}/"):
                try:
                    return skill.files().get(uri)
                except (UnusableSkill, OSError):
                    return None
        return None


def _resource(uri: str, data: bytes) -> dict[str, Any]:
    return {"uri": uri, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
