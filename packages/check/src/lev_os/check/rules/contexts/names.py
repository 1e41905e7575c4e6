"""The names of skills, and of their files."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator

from ...diagnostics import Severity
from ...files import File
from ...patterns import Pattern
from ...rule import Example, Finding, rule
from .._head import line_span, skill, value_span

SPECIFICATION = "https://agentskills.io/specification"
VERIFIED = "2026-11-22"
_NAME = Pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].rstrip("-")


@rule(
    "CTX401",
    "skill-name",
    summary="The name of a skill breaks the rules of SKILL.md.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="Hosts look a skill up by its name and folder; one whose name they refuse is not loaded. Letters outside a to "
    "z are a warning: the reference validator takes them, the specification and most hosts do not.",
    mend="Use 1 to 64 lower-case letters, digits and single hyphens, the same as the folder's name.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: PDF_Tools\ndescription: Reads PDFs.\n", at=(2, 7)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_name(file: File) -> Iterator[Finding]:
    """The form of the name."""
    read = file.head
    if read is None or not isinstance(name := read[1].get("name"), str) or not name.strip():
        return
    head = read[0]
    shown = name.strip()
    if len(shown) <= 64 and _NAME.fullmatch(shown):
        return
    if len(shown) > 64:
        message = f"the name has {len(shown)} characters; at most 64 are allowed"
    else:
        message = f"a skill cannot be named {shown!r}"
    folder, slug = os.path.basename(file.folder), _slug(shown)
    better = folder if _NAME.fullmatch(folder) and len(folder) <= 64 else slug
    foreign = len(shown) <= 64 and all(c.isalnum() or c == "-" for c in shown) and shown == shown.lower()
    foreign = foreign and not shown.isascii() and "--" not in shown and shown.strip("-") == shown
    yield Finding(
        line_span(file, head, "name"),
        message,
        f"write `name: {better}`" if better else "use lower-case letters, digits and single hyphens",
        severity="warning" if foreign else None,
    )


@rule(
    "CTX402",
    "skill-name-folder",
    summary="A skill's name is not the name of its folder.",
    on="file",
    kinds={"skill"},
    severity="warning",
    why="The specification wants them equal, and the reference validator rejects the skill otherwise. Hosts load it, "
    "but some under the folder's name and others under the one in the file. For a skill at the top of what is checked "
    "it is an info: such a folder may have any name, as a clone of a repository does.",
    mend="Rename the folder, or change `name`.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf-tools\ndescription: Reads PDFs.\n", at=(2, 7)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_name_folder(file: File) -> Iterator[Finding]:
    """Whether the name is the folder's."""
    read = file.head
    if read is None or not isinstance(name := read[1].get("name"), str) or not _NAME.fullmatch(name.strip()):
        return
    folder = unicodedata.normalize("NFKC", os.path.basename(file.folder))
    if unicodedata.normalize("NFKC", name.strip()) != folder:
        yield Finding(
            value_span(file, read[0], "name"),
            f"the skill is named `{name.strip()}` and its folder `{folder}`",
            "make them the same",
            severity=None if "/" in file.name else "info",
        )


@rule(
    "CTX403",
    "skill-name-missing",
    summary="A skill has no name.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="`name` is required. Claude Code takes the folder's name instead, so under `.claude` this is a warning; other "
    "hosts do not load the skill.",
    mend="Give the folder's name.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("description: Reads PDFs.\n", at=(1, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_name_missing(file: File) -> Iterator[Finding]:
    """Whether there is a name."""
    read = file.head
    if read is None:
        return
    name = read[1].get("name")
    if name is None or (isinstance(name, str) and not name.strip()):
        span = value_span(file, read[0], "name") if "name" in read[1] else (0, 3)
        folder = os.path.basename(file.folder)
        help_ = f"write `name: {folder}`" if _NAME.fullmatch(folder) else "name it after its folder"
        severity: Severity | None = "warning" if "/.claude/" in f"/{file.name}" else None
        yield Finding(span, "the skill has no `name`", help_, severity=severity)


@rule(
    "CTX404",
    "skill-name-reserved",
    summary="A skill's name holds a word that Claude's API reserves.",
    on="file",
    kinds={"skill"},
    severity="info",
    why="Uploading a skill whose name holds `anthropic` or `claude` to Claude's API is refused. Elsewhere it works.",
    mend="Choose another name if the skill should be uploaded.",
    source="https://platform.claude.com/docs/en/agents-and-tools/agent-skills/overview",
    verified=VERIFIED,
    bad=skill("name: claude-pdf\ndescription: Reads PDFs.\n", name="claude-pdf", at=(2, 7)),
    good=skill("name: pdf\ndescription: Reads PDFs with Claude.\n"),
)
def skill_name_reserved(file: File) -> Iterator[Finding]:
    """Words that may not be in a name."""
    read = file.head
    if read is None or not isinstance(name := read[1].get("name"), str):
        return
    for word in ("anthropic", "claude"):
        if word in name:
            yield Finding(value_span(file, read[0], "name"), f"`{word}` is a reserved word in Claude's API")
            return


@rule(
    "CTX413",
    "skill-file-name",
    summary="A skill's file is not called SKILL.md.",
    on="file",
    kinds={"resource"},
    severity="warning",
    why="Hosts look for `SKILL.md`, exactly so. Where case matters (Linux, containers) another spelling is not found; "
    "the reference validator also takes `skill.md`.",
    mend="Rename the file to SKILL.md.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=Example(
        {"skills/pdf/Skill.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nText.\n"},
        ("skills/pdf/Skill.md", 1, 1),
    ),
    good=Example({"skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nText.\n"}),
)
def skill_file_name(file: File) -> Iterator[Finding]:
    """Other spellings of SKILL.md."""
    name = file.base
    if name.lower() == "skill.md" and (file.path.parent / name).name != "SKILL.md" and file.text.startswith("---"):
        yield Finding((0, 3), f"hosts look for `SKILL.md`, not `{name}`", "rename the file to SKILL.md")
