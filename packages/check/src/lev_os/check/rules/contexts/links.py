"""Links of skills, instructions and contexts that lead nowhere."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote

import msgspec
from lev_os.core.documents import nearest

from ...facts import fact
from ...files import File
from ...markdown import Link, within
from ...patterns import Pattern
from ...project import Project
from ...rule import Example, Finding, rule
from .names import VERIFIED

LINKING = frozenset({"skill", "resource", "instructions", "command", "agent", "context"})
_NO_PATH = Pattern(r"[A-Za-z][A-Za-z0-9+.-]*:|//|/|~|$")
_MATERIAL = frozenset(
    {"evals", "eval", "fixtures", "tests", "test", "assets", "templates", "template", "examples", "runs"}
)
"""Folders of a skill whose pages are used, not read: their links are about other places."""
_PLACEHOLDER = Pattern(r"[<>{}$*`|]|^[^/]*@|\.\.\.|\bpath/to\b|\bfoo\b|^(?:url|link|href)$", re.IGNORECASE)
_MANY = 300
"""Headings from which none is proposed: comparing takes longer than all else."""
_OWN = Pattern(r"(?:\./)?(?!\.\./).*\.(?:md|py|sh|js|ts|json|ya?ml|txt|toml|html)")
_ID = Pattern(r"\{#[\w.:-]+\}\s*$")
_SLUG = {**dict.fromkeys(range(128)), **{ord(c): c for c in "abcdefghijklmnopqrstuvwxyz0123456789_-"}, 32: "-"}
"""What becomes of the ASCII characters of a heading."""
_ENDING = Pattern(r"\.[A-Za-z][A-Za-z0-9]*$")
_OBJECT = Pattern(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\([^()]*\))?", re.ASCII)
_TAG = Pattern(r"<(a|img)\s(?:[^<>]*\s)?(?:href|src)=[\"']([^\"'<>]+)[\"'][^<>]*>", re.IGNORECASE)
_COMMENT = Pattern(r"<!--.*?-->", re.DOTALL)
_SOURCE = 1024 * 1024
"""Bytes of a module that is looked into."""
_EXPLICIT = Pattern(r"\{#([\w.:-]+)\}|<a\s(?:[^<>]*\s)?(?:id|name)=[\"']([^\"'>]+)|\sid=[\"']([^\"'>]+)")


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """One link to a file or an anchor, with its place; `names` is the object that a link to Python code is about."""

    target: str
    image: bool
    names: str
    start: int
    end: int


class Links(msgspec.Struct, frozen=True, array_like=True):
    """The relative links of a file; its anchors when links of its own name some."""

    links: tuple[Reference, ...]
    anchors: frozenset[str]


@fact("links", kinds=LINKING, type=Links)
def links(file: File) -> Links:
    """Relative links and anchors of a Markdown file."""
    found: tuple[Reference, ...] = ()
    if file.kind != "resource" or not _MATERIAL & set(file.name.split("/")):
        written = (
            Reference(link.target, link.image, _object(link) if link.code else "", *link.span)
            for link in file.markdown.links
        )
        found = tuple(
            link
            for link in (*written, *_in_html(file))
            if not _NO_PATH.match(link.target) and not _PLACEHOLDER.search(link.target)
        )
    return Links(found, _anchors(file) if any(link.target.startswith("#") for link in found) else frozenset())


def _object(link: Link) -> str:
    """`Client.refund` of a link in code form, such as [`Client.refund()`](client.py)."""
    path = link.target.partition("#")[0]
    found = _OBJECT.fullmatch(link.label) if path.endswith(".py") else None
    if found is None or found[1].rpartition(".")[2] in ("py", os.path.basename(path)[: -len(".py")]):
        return ""  # the module's own name
    return found[1]


def _in_html(file: File) -> Iterator[Reference]:
    """The files that `<a href>` and `<img src>` name, comments left aside; anchors there are often a site's own."""
    if not file.markdown.html or not _TAG.search(file.text):
        return
    comments = [match.span() for match in _COMMENT.finditer(file.text)]
    for tag in _TAG.finditer(file.text):
        start, end = tag.span()
        if tag[2][0] != "#" and file.markdown.in_html(start) and not within(comments, start):
            yield Reference(tag[2].strip(), tag[1].lower() == "img", "", start, end)


def _anchors(file: File) -> frozenset[str]:
    """What GitHub makes of headings, and the explicit ones."""
    seen: dict[str, int] = {}
    anchors = set()
    for heading in file.markdown.headings:
        slug = _slug(heading.text)
        count = seen.get(slug, -1) + 1
        seen[slug] = count
        anchors.add(f"{slug}-{count}" if count else slug)
    if "id=" in file.text or "name=" in file.text or "{#" in file.text:
        anchors.update(next(filter(None, groups)).lower() for groups in _EXPLICIT.findall(file.text))
    return frozenset(anchors)


def _slug(text: str) -> str:
    lowered = (_ID.sub("", text) if "{#" in text else text).strip().lower()
    if lowered.isascii():
        return lowered.translate(_SLUG)
    kept = (c for c in lowered if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _leaving(project: Project, file: File, found: Links) -> tuple[frozenset[Reference], str]:
    """The links that leave what travels with a file, and its name: the package, or the repository.

    Outside of both nothing is known of what travels, so nothing leaves it.
    """
    climbing = [link for link in found.links if ".." in link.target]
    if not climbing:
        return frozenset(), ""
    packages = (package.package.root for package in project.packages if file.path in package.files)
    root = next((at for at in packages if file.path.is_relative_to(at)), None)
    what = "package" if root is not None else "repository"
    root = root or _repository(file.folder)
    if root is None:
        return frozenset(), what
    paths = ((link, _target(file.folder, link)) for link in climbing)
    return frozenset(link for link, path in paths if path is not None and not _inside(path, str(root))), what


@lru_cache(maxsize=1024)
def _repository(folder: str) -> Path | None:
    return next((at for at in (Path(folder), *Path(folder).parents) if (at / ".git").exists()), None)


@rule(
    "CTX302",
    "link-broken",
    summary="A link leads to a file that does not exist.",
    on="project",
    severity="warning",
    why="A model follows the link, finds nothing, and goes on without what the author thought it had read. In a skill "
    "a missing page or script is an error: its files travel with it. The further pages of a skill may name files from "
    "their own folder or from the skill's. What `<a href>` and `<img src>` name counts too.",
    mend="Correct the path, or delete the link. Links are relative to the file that holds them.",
    source="https://agentskills.io/specification",
    verified=VERIFIED,
    bad=(
        Example({"AGENTS.md": "See [the rules](docs/rulez.md).\n", "docs/rules.md": "x\n"}, ("AGENTS.md", 1, 5)),
        Example(
            {"skills/pdf/SKILL.md": "---\nname: pdf\ndescription: x\n---\nRead [forms](references/forms.md).\n"},
            ("skills/pdf/SKILL.md", 5, 6),
        ),
        Example({"AGENTS.md": 'See <a href="docs/rulez.md">the rules</a>.\n'}, ("AGENTS.md", 1, 5)),
    ),
    good=Example(
        {
            "AGENTS.md": "See [the rules](docs/rules.md#first) and [us](https://x.example).\n"
            'Write `<a href="gone.md">`.\n\n<!-- <a href="gone.md"> -->\n',
            "docs/rules.md": "x",
        }
    ),
)
def link_broken(project: Project) -> Iterator[Finding]:
    """Relative links whose file is missing."""
    known: dict[str, bool] = {}
    for file, found in project.facts(links):
        leaving, _ = _leaving(project, file, found)
        folder = file.folder
        for link in found.links:
            path = _target(folder, link)
            if path is None or (leaving and link in leaving):
                continue
            exists = known.get(path)
            if exists is None:
                exists = known[path] = project.exists(path)
            if not exists and not _elsewhere(project, file, link):
                shown = link.target.partition("#")[0]
                what = "image" if link.image else "file"
                yield Finding(
                    (link.start, link.end),
                    f"the {what} `{shown}` does not exist",
                    _near(path),
                    file=file.where,
                    severity="error" if file.kind == "skill" and _OWN.fullmatch(shown) else None,
                )


def _target(folder: str, link: Reference) -> str | None:
    """The path that a link of a file in `folder` names; None for an anchor of the same page."""
    shown = link.target.partition("#")[0].partition("?")[0]
    if "%" in shown:
        shown = unquote(shown)
    if not shown:
        return None
    if shown[0] not in "./" and shown[-1] != "/" and "/." not in shown and "//" not in shown and os.sep == "/":
        return f"{folder.rstrip('/')}/{shown}"  # there is nothing to take apart, and this is twice as fast
    return os.path.normpath(os.path.join(folder, shown))


def _elsewhere(project: Project, file: File, link: Reference) -> bool:
    """Whether a skill's further page names a page of a site, or a file from the skill's folder as SKILL.md would."""
    if file.kind != "resource":
        return False
    if not _ENDING.search(link.target.partition("#")[0]):
        return True
    root = next((at for at in file.path.parents[:4] if (at / "SKILL.md").exists()), None)
    return root is not None and project.exists(os.path.join(root, unquote(link.target.partition("#")[0])))


def _near(path: str) -> str | None:
    folder, name = os.path.split(path)
    try:
        return nearest(name, os.listdir(folder))
    except (OSError, ValueError):
        return None


@rule(
    "CTX304",
    "anchor-broken",
    summary="A link names a heading that its page does not have.",
    on="project",
    severity="info",
    why="Whoever follows the link lands at the top of the page. Anchors are compared with those that GitHub makes.",
    mend="Name the heading as GitHub does: in lower case, spaces as hyphens, without punctuation.",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "# Build\n\nSee [tests](#testing).\n\n## Tests\n"}, ("AGENTS.md", 3, 5)),
    good=Example({"AGENTS.md": "# Build\n\nSee [tests](#the-tests-a--b).\n\n## The tests: a & b\n"}),
)
def anchor_broken(project: Project) -> Iterator[Finding]:
    """Anchors of pages that are checked too."""
    pages: dict[str, File] | None = None
    known: dict[str, frozenset[str]] = {}
    for file, found in project.facts(links):
        for link in found.links:
            anchor = link.target.partition("#")[2]
            if not anchor or (anchor := unquote(anchor)).startswith((":~:", "L")):
                continue
            path = _target(file.folder, link)
            if path is None:
                anchors = found.anchors
            else:
                if pages is None:
                    pages = {page.where: page for page in project.of_kind(*LINKING)}
                if path not in pages:
                    continue
                if path not in known:
                    known[path] = _anchors(pages[path])
                anchors = known[path]
            if anchor.lower() not in anchors:
                help_ = nearest(anchor.lower(), anchors) if len(anchors) <= _MANY else None
                yield Finding((link.start, link.end), f"there is no heading `#{anchor}`", help_, file=file.where)


@rule(
    "CTX303",
    "link-leaves",
    summary="A link leads out of the package or the repository.",
    on="project",
    severity="warning",
    why="What lies outside does not travel with the package, so the link is dead wherever it is installed.",
    mend="Move the file inside, or link to lev://package/… across packages.",
    verified=VERIFIED,
    bad=Example(
        {".git/HEAD": "x", "AGENTS.md": "See [notes](../../notes.md).\n"},
        ("AGENTS.md", 1, 5),
    ),
    good=Example({".git/HEAD": "x", "docs/AGENTS.md": "See [notes](../notes.md).\n", "notes.md": "x"}),
)
def link_leaves(project: Project) -> Iterator[Finding]:
    """Relative links that climb too high."""
    for file, found in project.facts(links):
        leaving, what = _leaving(project, file, found)
        for link in found.links:
            if link in leaving:
                message = f"`{link.target.partition('#')[0]}` leads out of the {what}"
                yield Finding((link.start, link.end), message, file=file.where)


@rule(
    "CTX308",
    "code-link-broken",
    summary="A link in code form leads to a Python file that has no such function, class or name.",
    on="project",
    severity="warning",
    why="In a package's context a model is shown the signature in place of such a link. Without it the model gets a "
    "name that does not exist, and calls it. Outside of packages only what stands nowhere in the file is reported.",
    mend="Correct the name, or link to the file in plain words.",
    verified=VERIFIED,
    bad=Example(
        {"AGENTS.md": "Pay back with [`refund`](shop.py).\n", "shop.py": "def give_back(): ...\n"}, ("AGENTS.md", 1, 15)
    ),
    good=Example(
        {
            "AGENTS.md": "Pay back with [`Shop.give_back()`](shop.py), see [`shop.py`](shop.py).\n",
            "shop.py": "class Shop:\n    def give_back(self): ...\n",
        }
    ),
)
def code_link_broken(project: Project) -> Iterator[Finding]:
    """Links whose text is one name in code and whose target is a Python file that is there."""
    names_in = cache(_names_in)  # a page names several objects of a module
    for file, found in project.facts(links):
        for link in found.links:
            path = _target(file.folder, link) if link.names else None
            if path is None or not project.exists(path) or not (names := names_in(path)):
                continue
            exact = any(file.path in package.files for package in project.packages)
            if link.names in names.signatures or (not exact and names.mentions(link.names)):
                continue
            message = f"`{link.names}` does not exist in {link.target.partition('#')[0]}"
            help_ = nearest(link.names, names.signatures)
            yield Finding((link.start, link.end), message, help_, file=file.where)


class _Names(msgspec.Struct, frozen=True):
    """The names that a module defines, and its text."""

    signatures: frozenset[str]
    text: str

    def mentions(self, name: str) -> bool:
        """Whether the name stands anywhere: it may be imported, or made at run time; or it is the module's own."""
        return re.search(rf"\b{re.escape(name.rpartition('.')[2])}\b", self.text) is not None


def _names_in(path: str) -> _Names | None:
    """None for what is no module that can be read."""
    from lev_os.core.contexts.signatures import read_signatures

    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _SOURCE:
            return None
        text = Path(path).read_text(encoding="utf-8")
        return _Names(frozenset(read_signatures(text)), text)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


@rule(
    "CTX309",
    "link-to-itself",
    summary="A page of a skill or a context links to itself.",
    on="project",
    severity="info",
    why="A model that follows the link reads again what it has just read. Links that go round over several pages are "
    "right and not reported: pages name each other, and a bundle takes each once. What may not go in a circle is "
    "`lev-requires` (CTX306).",
    mend="Link to what was meant, or to a heading (`#…`).",
    verified=VERIFIED,
    bad=Example(
        {"skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nSee [forms](./SKILL.md).\n"},
        ("skills/pdf/SKILL.md", 5, 5),
    ),
    good=Example(
        {
            "skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nSee [forms](forms.md).\n",
            "skills/pdf/forms.md": "Back to [the skill](SKILL.md), or [up](forms.md#top).\n",
        }
    ),
)
def link_to_itself(project: Project) -> Iterator[Finding]:
    """Links without an anchor whose target is the file; instructions speak of themselves, and are let be."""
    for file, found in project.facts(links):
        for link in found.links if file.kind != "instructions" else ():
            if "#" not in link.target and _target(file.folder, link) == file.where:
                yield Finding((link.start, link.end), "this page links to itself", file=file.where)
