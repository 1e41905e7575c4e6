"""A configuration that cannot be used."""

from __future__ import annotations

from ...configuration import CONFIGURATION
from ...rule import reported

reported(
    CONFIGURATION,
    "unusable-configuration",
    summary="`[tool.lev.check]` in pyproject.toml cannot be used.",
    on="project",
    severity="error",
    why="A key that is misspelt would be overlooked, and what it should have said with it. Nothing is checked.",
    mend="Write the key that the message names; docs/check.md lists all of them.",
    bad=(),
    good=(),
)
