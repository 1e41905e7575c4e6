"""Skills made of a package: the ones it exports as they are, and one that says what the package has for a model.

That one bears the package's name. Its SKILL.md holds the text that `.` is for a model, what there is to read and when,
and the literal command and MCP call for each flow; contexts lie beside it under `references`, in the folders they have
in the package, so that their links hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lev_os.core.contexts import Context
from lev_os.core.contexts.folders import files_below
from lev_os.core.contexts.markdown import relink
from lev_os.core.errors import LevError
from lev_os.core.tools import ToolCard

from ..target import Lost, Rendered
from ._parts import GENERATED, Page, Parts, compact, example_of, kebab, linkable

__all__ = ["FILE", "Shelf", "Skill", "placed", "skills_of", "unshared"]

FILE = "SKILL.md"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MOST_NAME = 64
_MOST_DESCRIPTION = 1024
_MOST_INLINE = 2000
"""Tokens of a text of `.` that still goes into SKILL.md itself."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A folder with a SKILL.md. `files` are by their path in it; `package` is who exports it."""

    name: str
    description: str
    package: str
    files: dict[str, bytes]
    executable: frozenset[str] = frozenset()
    lost: tuple[Lost, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    """Where contexts lie in it, by specifier."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Skills sorted by name. `lost` is what of them cannot be expressed, and what of other people's is left out."""

    skills: tuple[Skill, ...]
    lost: tuple[Lost, ...]


def skills_of(every: Sequence[Parts]) -> Shelf:
    """The skills of all packages. Raises `LevError` for names that hosts refuse, or that two packages share.

    A wheel that merely brings skills belongs to somebody else: what hosts would refuse of it is left out, and told.
    """
    found: dict[str, Skill] = {}
    lost: list[Lost] = []
    for parts in every:
        for skill in _skills_of(parts, lost):
            other = found.setdefault(skill.name, skill)
            if other is not skill:
                raise LevError(
                    f"{other.package} and {skill.package} both export a skill named {skill.name!r}",
                    help="hosts find skills by name alone: choose one of the packages with --package",
                )
            lost += skill.lost
    return Shelf(tuple(found[name] for name in sorted(found)), tuple(lost))


def unshared(every: Sequence[Parts]) -> tuple[Skill, ...]:
    """The skills whose names no other package has, sorted: a name alone says which of them is meant."""
    skills = [skill for parts in every for skill in _skills_of(parts, [])]
    owners: dict[str, set[str]] = {}
    for skill in skills:
        owners.setdefault(skill.name, set()).add(skill.package)
    return tuple(sorted((skill for skill in skills if len(owners[skill.name]) == 1), key=lambda skill: skill.name))


def placed(shelf: Shelf, *folders: str) -> Rendered:
    """The skills below each folder (`.agents/skills`)."""
    files: dict[str, bytes] = {}
    executable: set[str] = set()
    for folder in folders:
        for skill in shelf.skills:
            files |= {f"{folder}/{skill.name}/{path}": data for path, data in skill.files.items()}
            executable |= {f"{folder}/{skill.name}/{path}" for path in skill.executable}
    return Rendered(files, lost=shelf.lost, executable=frozenset(executable))


def _skills_of(parts: Parts, lost: list[Lost]) -> Iterator[Skill]:
    names = set()
    for export, path in parts.skills:
        try:
            skill = _copied(parts, export.specifier, path)
        except LevError as error:
            if parts.package.source != "wheel-skills":
                raise
            lost.append(Lost(export.specifier, f"is left out: {error.message}"))
            continue
        names.add(skill.name)
        yield skill
    for page in parts.pages:
        if page.context.kind == "skill" and page.context.description:
            skill = _of_context(parts, page)
            names.add(skill.name)
            yield skill
    if parts.has_more_than_skills():
        name = kebab(parts.package.name)
        yield _overview(parts, f"{name}-package" if name in names else name)


def _copied(parts: Parts, specifier: str, path: Path) -> Skill:
    """An exported skill with its folder, byte for byte."""
    folder = path.parent
    files = {}
    executable = set()
    for name in files_below(folder):
        place = folder / name
        files[name] = place.read_bytes()
        if place.stat().st_mode & 0o111:
            executable.add(name)
    context = Context.parse(files[FILE], path=path, package=parts.package, specifier=specifier)
    _check(context, folder.name, specifier)
    return Skill(context.name, context.description, parts.package.name, files, frozenset(executable))


def _of_context(parts: Parts, page: Page) -> Skill:
    """A context that says `lev-kind: skill`: its file is the SKILL.md."""
    context = page.context
    _check(context, context.name, context.specifier)
    lost = tuple(
        Lost(context.specifier, f"the link to {link.target} leads out of the skill {context.name}")
        for link in context.references
        if link.kind in ("context", "file")
    )
    return Skill(context.name, context.description, parts.package.name, {FILE: page.shown}, lost=lost)


def _check(context: Context, folder: str, specifier: str) -> None:
    name = context.frontmatter.get("name")
    if name != folder:
        raise LevError(
            f"the skill {specifier} is named {name!r}, and its folder {folder!r}",
            help="hosts want both to be the same: rename one of them",
        )
    if not _NAME.fullmatch(folder) or len(folder) > _MOST_NAME:
        right = kebab(folder)
        raise LevError(
            f"no host takes a skill named {folder!r}: names have 1 to 64 lower-case letters, digits and single hyphens",
            help=f"rename it and its folder to {right}" if right else "rename it and its folder",
        )
    if not context.description.strip():
        raise LevError(
            f"the skill {specifier} has no description", help="hosts leave it out: say when it should be read"
        )
    if len(context.description) > _MOST_DESCRIPTION:
        raise LevError(f"the description of {specifier} has more than {_MOST_DESCRIPTION:,} characters")


def _overview(parts: Parts, name: str) -> Skill:
    if not _NAME.fullmatch(name) or len(name) > _MOST_NAME:
        raise LevError(f"{parts.package.name} gives no name for a skill: {name!r} is empty or too long")
    pages = [page for page in parts.pages if page.context.kind != "skill" or not page.context.description]
    if parts.index is not None and parts.index.path not in {page.path for page in pages}:
        pages.insert(0, parts.index)
    common = os.path.commonpath([os.path.dirname(page.path) for page in pages]) if pages else ""
    places = {page.path: f"references/{os.path.relpath(page.path, common or '.')}" for page in pages}
    lost = list(_lost(parts, pages, places))
    description = _description(parts, pages)
    text = "".join(_text(parts, name, description, pages, places))
    files = {FILE: text.encode(), **{places[page.path]: page.shown for page in pages}}
    specifiers = {page.context.specifier: places[page.path] for page in pages}
    return Skill(name, description, parts.package.name, files, lost=tuple(lost), places=specifiers)


def _description(parts: Parts, pages: Sequence[Page]) -> str:
    """When a host should read the skill; without angle brackets, which some hosts refuse."""
    about = parts.about.summary or f"What {parts.package.name} is for."
    first = None if parts.index is None else parts.index.path
    groups = {
        "knows of": [page.export.name for page in pages if page.path != first],
        "runs the flows": [export.name for export, _ in parts.flows],
        "has the tools": [export.name for export, _ in parts.tools],
    }
    said = "; ".join(f"{what} {', '.join(names)}" for what, names in groups.items() if names)
    text = f"{about.rstrip('.')}. Use when working with {parts.package.name}{f', which {said}' if said else ''}."
    text = text.replace("<", "").replace(">", "")
    return text if len(text) <= _MOST_DESCRIPTION else text[: _MOST_DESCRIPTION - 1].rsplit(" ", 1)[0] + "…"


def _lost(parts: Parts, pages: Sequence[Page], places: dict[str, str]) -> Iterator[Lost]:
    for page in pages:
        for link in page.context.references:
            if link.kind == "code" and link.signature is not None:
                continue  # it has become the signature
            inside = link.path is not None and os.path.relpath(link.path, parts.package.base) in places
            if link.kind != "package" and not inside:
                yield Lost(page.context.specifier, f"the link to {link.target} leads to a file that is not exported")
    if parts.package.constitution_path is not None:
        yield Lost(parts.package.name, "its constitution is told, and enforced only when Leviathan runs its flows")


def _text(parts: Parts, name: str, description: str, pages: Sequence[Page], places: dict[str, str]) -> Iterator[str]:
    module = parts.package.name
    yield f"---\nname: {name}\ndescription: {compact(description)}\n"
    if parts.about.license:
        yield f"license: {compact(parts.about.license)}\n"
    yield f"metadata:\n  generated-by: {GENERATED}\n  package: {compact(module)}\n"
    if parts.about.version:
        yield f"  version: {compact(parts.about.version)}\n"
    yield "---\n"
    index = parts.index
    if index is not None and index.context.tokens <= _MOST_INLINE:
        yield _relinked(index, places).strip("\n") + "\n"
        yield f"\nThis page by itself: [{index.context.name}]({linkable(places[index.path])}).\n"
    else:
        yield f"# {module}\n\n{parts.about.summary}\n"
        if index is not None:
            yield f"\nBegin with [{index.context.name}]({linkable(places[index.path])}).\n"
    rest = [page for page in pages if index is None or page.path != index.path]
    if rest:
        yield "\n## Read when needed\n\n"
        for page in rest:
            yield f"- [{page.context.name}]({linkable(places[page.path])}){_dash(page.context.description)}\n"
    yield from _flows(parts)
    if parts.tools:
        yield f"\n## Tools\n\nPython functions; `lev show {module}/tools/NAME` prints the schema of one.\n\n"
        for export, card in parts.tools:
            yield f"- `{_signature(export.name, card)}`{_dash(_first_line(card.description))}{_effects(card)}\n"
    if parts.constitution is not None:
        own = [p for p in parts.constitution.principles if p.source in ("", parts.constitution.specifier)]
        if own:
            yield "\n## Principles\n\n"
            yield from (f"- {principle.statement} ({principle.id})\n" for principle in own)


def _flows(parts: Parts) -> Iterator[str]:
    if not parts.flows:
        return
    yield (
        "\n## Flows\n\nLeviathan runs a flow and asks back where it needs an answer. Over MCP "
        f"(`lev mcp {parts.package.name}`) every reply names the next call; `lev run` uses a model of its own.\n"
    )
    for export, flow in parts.flows:
        example = compact(example_of(flow.tree.input_schema))
        quoted = example.replace("'", "'\\''")
        yield f"\n### {export.name}\n\n"
        if flow.tree.description:
            yield f"{' '.join(flow.tree.description.split())}\n\n"
        yield f"- MCP: `flow_start(flow={compact(export.specifier)}, input={example})`\n"
        yield f"- Command: `lev run {export.specifier} --input '{quoted}'`\n"


def _relinked(page: Page, places: dict[str, str]) -> str:
    """The text of a page for SKILL.md, one folder above `references`."""
    moved: dict[str, str] = {}
    for link in page.context.references:
        if link.path is None or link.kind == "code":
            continue
        place = places.get(os.path.relpath(link.path, page.export.package.base))
        if place is not None:
            moved[link.target] = linkable(place) + "".join(link.target.partition("#")[1:])
    return relink(page.context.text, moved.get)


def _signature(name: str, card: ToolCard) -> str:
    required = card.input_schema.get("required", ())
    names = [key if key in required else f"{key}=…" for key in card.input_schema.get("properties", {})]
    return f"{name}({', '.join(names)})"


def _effects(card: ToolCard) -> str:
    effects = card.declaration.effects
    if effects is None:
        return ""
    return f" Effects: {', '.join(sorted(effects))}." if effects else " Pure."


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()


def _dash(text: str) -> str:
    text = " ".join(text.split())
    return f": {text}" if text else ""
