"""The name of a skill."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...files import File
from ...rule import Example, Finding, rule

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@rule(
    "CTX401",
    "skill-name",
    summary="The name of a skill breaks the rules of SKILL.md.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="Hosts look a skill up by its name and folder; one whose name they refuse is not loaded.",
    mend="Use 1 to 64 lower-case letters, digits and single hyphens, the same as the folder's name.",
    source="https://agentskills.io/specification",
    verified="2026-11-22",
    bad=Example(
        {"skills/pdf/SKILL.md": "---\nname: PDF_Tools\ndescription: Reads PDFs.\n---\nText.\n"},
        ("skills/pdf/SKILL.md", 2, 7),
    ),
    good=Example({"skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nText.\n"}),
)
def skill_name(file: File) -> Iterator[Finding]:
    """The form of the name, and whether it is the folder's."""
    name = file.fields.get("name")
    head = file.frontmatter
    if not isinstance(name, str) or head is None:
        return
    at = head.at(("name",))
    span = file.span_at(at.line or 1, at.column or 1)
    folder = file.path.parent.name
    if len(name) > 64 or not _NAME.fullmatch(name):
        yield Finding(
            span, f"a skill cannot be named {name!r}", f"write `name: {folder}`" if _NAME.fullmatch(folder) else None
        )
    elif name != folder:
        yield Finding(span, f"the skill is named `{name}` and its folder `{folder}`", "make them the same")
