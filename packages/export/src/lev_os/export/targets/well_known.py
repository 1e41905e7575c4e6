"""`well-known`: skills for a web site, `.well-known/agent-skills/index.json` with a digest for each.

Source: Agent Skills Discovery 0.2.0. A skill of one file is served as it is, one of several as a zip.
"""

from __future__ import annotations

from collections.abc import Sequence

from lev_os.core import Package
from lev_os.core.canonical import digest_bytes

from ..target import Rendered, Target
from ._json import archive, pretty
from ._parts import Parts
from ._skill import FILE, skills_of

__all__ = ["TARGET"]

_FOLDER = ".well-known/agent-skills"
_SCHEMA = "https://schemas.agentskills.io/discovery/0.2.0/schema.json"


def _render(packages: Sequence[Package]) -> Rendered:
    shelf = skills_of([Parts(package) for package in packages])
    files = {}
    entries = []
    for skill in shelf.skills:
        alone = len(skill.files) == 1
        url = f"{skill.name}/{FILE}" if alone else f"{skill.name}.zip"
        data = skill.files[FILE] if alone else archive(skill.files, skill.executable)
        files[f"{_FOLDER}/{url}"] = data
        entries.append(
            {
                "name": skill.name,
                "type": "skill-md" if alone else "archive",
                "description": skill.description,
                "url": url,
                "digest": digest_bytes(data),
            }
        )
    files[f"{_FOLDER}/index.json"] = pretty({"$schema": _SCHEMA, "skills": entries})
    return Rendered(files, lost=shelf.lost)


TARGET = Target("well-known", "skills for a web site, with an index that agents discover", _render)
