"""API drift: what documents say of installed packages, held against the packages.

document ─ mentions ─> fences, spans, commands ─ follow ─> drifts ─ telling ─> what the rules in `rules/drift` report
                                                    ^
                                      api, an index of installed source
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..project import Project
    from ..rule import Finding


def findings(project: Project, code: str) -> Iterator[Finding]:
    """What the rule `code` has to say of a project."""
    from ..rule import Finding
    from .looked_up import looked_up

    said: set[str] = set()
    for file, every in project.once(looked_up):
        for told in every:
            if told.code == code and told.package not in said:
                said.update((told.package,) if told.package else ())
                yield Finding(told.span, told.message, told.help, file=file.where, severity=told.severity)
