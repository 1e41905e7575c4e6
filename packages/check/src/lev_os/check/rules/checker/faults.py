"""What stops the checker itself."""

from __future__ import annotations

from ...applying import RULE_FAILED
from ...plugins import BROKEN_PLUGIN
from ...rule import reported
from ...suppressions import HARD

reported(
    RULE_FAILED,
    "rule-failed",
    summary="A rule failed while it looked at something.",
    on="project",
    severity="error",
    why="What the rule would have found is not known. All other rules went on.",
    mend="Report it, with the message and the file; or leave the rule out with `--ignore` until it is mended.",
    bad=(),
    good=(),
)

reported(
    HARD,
    "suppressed-hard-principle",
    summary="A suppression is about a violation of a principle that is `hard`.",
    on="file",
    severity="error",
    why="A hard principle can be neither loosened nor suppressed.",
    mend="Mend what violates it; or make the principle `default`, if that is what it is.",
    bad=(),
    good=(),
)

reported(
    BROKEN_PLUGIN,
    "broken-plugin",
    summary="A plugin that `[tool.lev] plugins` names cannot be loaded.",
    on="project",
    severity="error",
    why="Its rules did not run, so what they would have found is not known.",
    mend="Install it where `lev` is installed, spell its name as its entry point does, or report what broke it.",
    bad=(),
    good=(),
)
