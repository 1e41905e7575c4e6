"""The further pages of a skill: whether a model can find them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import unquote

from ...facts import fact
from ...files import File
from ...project import Project
from ...rule import Example, Finding, rule
from .links import links
from .names import SPECIFICATION, VERIFIED

_SKILL = "---\nname: pdf\ndescription: Reads PDFs.\n---\n"
_FOLDERS = ("references", "reference")
_PARTS = (".md", "reference")
"""What the name of a page, or of its folder, holds."""


@fact("mentions-of-pages", kinds={"skill", "resource"}, type=str)
def mentions(file: File) -> str:
    """All words of a page that may name another one or its folder, to find pages that are named without a link."""
    text = file.text
    lines: dict[int, int] = {}
    for part in _PARTS:
        at = text.find(part)
        while at >= 0:
            end = text.find("\n", at)
            lines[text.rfind("\n", 0, at) + 1] = end = end if end >= 0 else len(text)
            at = text.find(part, end)
    words = [word for start, end in sorted(lines.items()) for word in text[start:end].split()]
    one, other = _PARTS
    named = [word.strip("`*_()[]<>\"',.:;!?") for word in words if one in word or other in word]
    return " ".join(dict.fromkeys(named))


def _skills(project: Project) -> list[tuple[File, list[File]]]:
    """Each skill with the pages in its `references` folder."""
    pages: dict[str, list[File]] = {}
    for page in project.of_kind("resource"):
        above, folder = os.path.split(page.folder)
        if folder in _FOLDERS:
            pages.setdefault(above, []).append(page)
    skills = project.of_kind("skill") if pages else ()
    return [(skill, pages[skill.folder]) for skill in skills if skill.folder in pages]


@rule(
    "CTX415",
    "reference-too-deep",
    summary="A page of a skill is linked only from another page, not from SKILL.md.",
    on="project",
    severity="info",
    why="The specification advises references one level deep: a model that reads a page in part does not see the links "
    "further down in it.",
    mend="Link the page from SKILL.md too.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=Example(
        {"skills/pdf/SKILL.md": f"{_SKILL}Read [forms](references/forms.md).\n",
         "skills/pdf/references/forms.md": "See [fields](fields.md).\n", "skills/pdf/references/fields.md": "Text.\n"},
        ("skills/pdf/references/forms.md", 1, 5),
    ),
    good=Example(
        {"skills/pdf/SKILL.md": f"{_SKILL}Read [forms](references/forms.md) and `references/fields.md`.\n",
         "skills/pdf/references/forms.md": "See [fields](fields.md).\n", "skills/pdf/references/fields.md": "Text.\n"}
    ),
)  # fmt: skip
def reference_too_deep(project: Project) -> Iterator[Finding]:
    """Links from page to page whose target SKILL.md does not name."""
    skills = project.once(_skills)
    if not skills:
        return
    named = {file.where: words for file, words in project.facts(mentions)}
    linked = {file.where: found for file, found in project.facts(links)}
    for skill, pages in skills:
        known = {page.where: page for page in pages}
        for page in pages:
            for link in linked[page.where].links if page.where in linked else ():
                target = os.path.normpath(os.path.join(page.folder, unquote(link.target.partition("#")[0])))
                other = known.get(target)
                if other is not None and other is not page and not _names(named.get(skill.where, ""), other):
                    message = f"`{other.base}` is linked from here and not from SKILL.md"
                    yield Finding((link.start, link.end), message, file=page.where)


@rule(
    "CTX418",
    "page-unmentioned",
    summary="Nothing mentions a page in a skill's `references` folder.",
    on="project",
    severity="info",
    why="A model reads only what SKILL.md, or a page that it has read, speaks of: this page is never read.",
    mend="Mention it in SKILL.md and say when to read it, or delete it.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=Example(
        {"skills/pdf/SKILL.md": f"{_SKILL}Text.\n", "skills/pdf/references/forms.md": "# Forms\n"},
        ("skills/pdf/references/forms.md", 1, 1),
    ),
    good=(
        Example({"skills/pdf/SKILL.md": f"{_SKILL}See forms.md.\n", "skills/pdf/references/forms.md": "Text.\n"}),
        Example({"skills/pdf/SKILL.md": f"{_SKILL}Read `references/`.\n", "skills/pdf/references/forms.md": "Text.\n"}),
    ),
)
def page_unmentioned(project: Project) -> Iterator[Finding]:
    """Pages whose name, and whose folder, stands in no other page of the skill."""
    skills = project.once(_skills)
    if not skills:
        return
    named = {file.where: words for file, words in project.facts(mentions)}
    for skill, pages in skills:
        for page in pages:
            others = (named.get(other.where, "") for other in (skill, *pages) if other is not page)
            if not any(_names(words, page) for words in others):
                message = f"neither SKILL.md nor another page mentions `{page.base}`"
                yield Finding((0, 1), message, "say in SKILL.md when to read it", file=page.where)


def _names(words: str, page: File) -> bool:
    """Whether these words name a page, its stem in a path, or all of its folder."""
    folder, name = os.path.basename(page.folder), page.base
    whole = f" {words} "
    return (
        name in words
        or f"{folder}/{os.path.splitext(name)[0]}" in words
        or any(f"{start}{folder}{end}" in whole for start in (" ", "/") for end in ("/ ", "/* ", "/*.md "))
        or f"{folder}/<" in words
        or f"{folder}/{{" in words
    )
