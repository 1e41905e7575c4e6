"""Versions in documents that are not the installed ones."""

from __future__ import annotations

from collections.abc import Iterator

from ...drift import findings
from ...project import Project
from ...rule import Example, Finding, rule

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
    return findings(project, "CTX315")
