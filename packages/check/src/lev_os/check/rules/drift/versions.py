"""Versions in documents that are not the installed ones."""

from __future__ import annotations

from collections.abc import Iterator

from ...api.distributions import normalised
from ...project import Project
from ...rule import Example, Finding, rule
from .looked_up import looked_up

_INSTALLED = {
    "pyproject.toml": '[project]\nname = "shop"\n',
    "src/acme-2.9.1.dist-info/RECORD": "acme/__init__.py,,\n",
    "src/acme/__init__.py": "",
}


@rule(
    "CTX315",
    "other-version",
    summary="A document pins a version of a package that is not the installed one.",
    on="project",
    severity="info",
    why="Its code may be about that version, and the project runs another.",
    mend="Pin the version that the project uses, or leave the version to `pyproject.toml`.",
    source="https://packaging.python.org/en/latest/specifications/version-specifiers/",
    verified="2026-11-22",
    bad=Example({**_INSTALLED, "AGENTS.md": "```bash\npip install acme==2.8\n```\n"}, ("AGENTS.md", 2, 13)),
    good=Example({**_INSTALLED, "AGENTS.md": "```bash\npip install acme==2.9\n```\n"}),
)
def other_version(project: Project) -> Iterator[Finding]:
    """`name==version` in code, against as many parts of the installed version as it gives."""
    known = project.once(looked_up)
    for file, named in known.mentions:
        for pin in named.pins:
            installed = known.distributions.by_name.get(normalised(pin.name))
            if installed is None:
                continue
            wanted, given = pin.version.split("."), installed.version.split(".")
            if given[: len(wanted)] != wanted and installed.version != pin.version:
                span = (pin.at, pin.at + len(pin.name))
                message = f"the text is about {installed.name} {pin.version}; {installed.version} is installed"
                yield Finding(span, message, file=str(file.path))
