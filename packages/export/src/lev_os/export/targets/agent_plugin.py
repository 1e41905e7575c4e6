"""`agent-plugin`: Agent Plugins 1.0.0, `plugin.json` with `skills/` and `mcp.json` (https://agent-plugins.org).

One package lies in the folder itself, several in a folder each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lev_os.core import Package

from ..target import Lost, Rendered, Target
from ._json import pretty, without_empty
from ._parts import Parts, kebab
from ._server import command_of
from ._skill import placed, skills_of

__all__ = ["TARGET"]

_SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"


def _render(packages: Sequence[Package]) -> Rendered:
    files: dict[str, bytes] = {}
    lost: list[Lost] = []
    executable: set[str] = set()
    for package in packages:
        parts = Parts(package)
        name = kebab(package.name)
        folder = "" if len(packages) == 1 else f"{name}/"
        skills = placed(skills_of([parts]), f"{folder}skills")
        files |= {f"{folder}plugin.json": pretty(_manifest(parts, name)), **skills.files}
        executable |= skills.executable
        lost += skills.lost
        if parts.flows or parts.tools:
            command, args = command_of(parts)
            server = {"type": "stdio", "command": command, "args": args}
            files[f"{folder}mcp.json"] = pretty(
                {"$schema": f"{_SCHEMAS}/mcp.schema.json", "mcpServers": {name: server}}
            )
    return Rendered(files, lost=tuple(lost), executable=frozenset(executable))


def _manifest(parts: Parts, name: str) -> dict[str, Any]:
    about = parts.about
    author = about.authors[0] if about.authors else None
    return without_empty(
        {
            "$schema": f"{_SCHEMAS}/plugin.schema.json",
            "name": name,
            "version": about.version,
            "description": about.summary,
            "author": None if author is None else without_empty({"name": author.name, "email": author.email}),
            "homepage": about.homepage,
            "repository": about.repository,
            "license": about.license,
            "keywords": list(about.keywords),
        }
    )


TARGET = Target("agent-plugin", "a plugin by Agent Plugins 1.0.0: plugin.json, skills/, mcp.json", _render, apart=True)
