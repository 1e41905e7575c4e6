"""Suppressions that have no effect, or none any more."""

from __future__ import annotations

from ...rule import Example, reported
from ...suppressions import EXPIRED, MALFORMED, NO_REASON, UNUSED

_SKILL = "---\nname: {}\ndescription: Reads the tables of PDF files. Use it for PDF files.\n---\n{}\n"


def _skill(comment: str, *, name: str = "pdf") -> Example:
    at = ("skills/pdf/SKILL.md", 5, 1)
    return Example({"skills/pdf/SKILL.md": _SKILL.format(name, comment + "\n\nRead the file.")}, at)


_GOOD = _skill("<!-- lev-ignore CTX401: other tools know it by this name -->", name="PDF")

reported(
    UNUSED,
    "unused-suppression",
    summary="A suppression is about nothing that is found.",
    on="file",
    severity="warning",
    why="It would hide the next finding of this code, which nobody has looked at.",
    mend="Remove it.",
    bad=_skill("<!-- lev-ignore CTX401: other tools know it by this name -->"),
    good=_GOOD,
)

reported(
    NO_REASON,
    "suppression-without-reason",
    summary="A suppression does not say why.",
    on="file",
    severity="warning",
    why="Who reads it later cannot tell whether it still holds. It has no effect until it says why.",
    mend="Write the reason after the codes and a colon.",
    bad=_skill("<!-- lev-ignore CTX401 -->", name="PDF"),
    good=_GOOD,
)

reported(
    EXPIRED,
    "expired-suppression",
    summary="The last day of a suppression is over.",
    on="file",
    severity="warning",
    why="It was meant to end. It has no effect any more.",
    mend="Mend what it is about, or set a later day.",
    bad=_skill("<!-- lev-ignore CTX401: renamed with version 2 (until 2020-01-31) -->", name="PDF"),
    good=_skill("<!-- lev-ignore CTX401: renamed with version 2 (until 9999-12-31) -->", name="PDF"),
)

reported(
    MALFORMED,
    "malformed-suppression",
    summary="A suppression cannot be read.",
    on="file",
    severity="warning",
    why="It has no effect, and its author believes that it has.",
    mend="Write `lev-ignore CTX401: why (until 2030-01-31)`: codes or families, a reason, and a day to end on.",
    bad=_skill("<!-- lev-ignore: other tools know it by this name -->", name="PDF"),
    good=_GOOD,
)
