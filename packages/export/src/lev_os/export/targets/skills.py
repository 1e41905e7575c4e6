"""`skills`: folders with a SKILL.md, where coding agents look for them in a repository.

Source: https://agentskills.io/specification. Most hosts read `.agents/skills`, Claude Code `.claude/skills`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lev_os.core import Package

from ..target import Rendered, Target
from ._parts import Parts
from ._skill import placed, skills_of

__all__ = ["IN_PACKAGE", "TARGET"]


def _render(packages: Sequence[Package]) -> Rendered:
    return placed(skills_of([Parts(package) for package in packages]), ".agents/skills", ".claude/skills")


def _render_in_package(packages: Sequence[Package]) -> Rendered:
    return placed(skills_of([Parts(package) for package in packages]), ".agents/skills")


TARGET = Target("skills", "SKILL.md folders in .agents/skills and .claude/skills", _render)
IN_PACKAGE = Target("skills", "the same inside one package, for its wheel", _render_in_package)
