"""What the cursor is on: one answer, which hover, definition and rename then say different things about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lev_os.core.documents import Path as DataPath
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export, parse_specifier

from ..files import MARKDOWN_KINDS
from ..rule import Span
from .outline import Name, Outline
from .workspace import Open, Workspace
from .yaml_view import Spot

_CODE = re.compile(r"\b[A-Z]{3}[0-9]{3}\b")
_PRINCIPLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+\b")
_SPECIFIER = re.compile(r"(?:lev://)?(?:\./|[A-Za-z_][\w.]*/)[\w./@-]*\w")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


@dataclass(frozen=True, slots=True)
class Reference:
    """A specifier, and what it resolves to."""

    span: Span
    text: str
    export: Export | None


@dataclass(frozen=True, slots=True)
class Named:
    """A name of a flow, or its definition; `fields` are those read of it up to the cursor."""

    span: Span
    name: Name
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a document of one of our formats."""

    span: Span
    path: DataPath


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a rule."""

    span: Span
    code: str


@dataclass(frozen=True, slots=True)
class Principle:
    """The id of a principle."""

    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a Markdown text to a file; `object` is the Python object that its label names."""

    span: Span
    path: Path
    object: str | None = None


Target = Reference | Named | Key | Code | Principle | Link


def target_at(workspace: Workspace, opened: Open, offset: int) -> Target | None:
    """What an offset of a file stands on; None for plain text."""
    spot = None if opened.view is None else opened.view.at(offset)
    if spot is not None and (found := _in_yaml(workspace, opened, spot, offset)):
        return found
    if opened.file.kind in MARKDOWN_KINDS and (found := _link(workspace, opened, offset)):
        return found
    if opened.file.kind == "manifest" and (found := _of_manifest(workspace, opened, offset)):
        return found
    return _word(workspace, opened, offset)


def _in_yaml(workspace: Workspace, opened: Open, spot: Spot, offset: int) -> Target | None:
    outline = opened.outline
    if outline is not None and (named := _named(outline, spot, offset)):
        return named
    if spot.key:
        return Key(spot.span, spot.path)
    if isinstance(spot.value, str) and _SPECIFIER.fullmatch(spot.value):
        export = workspace.find(spot.value, opened.package)
        if export is not None or (outline is not None and _is_reference(spot.path)):
            return Reference(spot.span, spot.value, export)
    return None


def _is_reference(path: DataPath) -> bool:
    return path[-1] in {"call", "flow"} or (len(path) > 1 and path[-2] in {"tools", "context", "extends"})


def _named(outline: Outline, spot: Spot, offset: int) -> Named | None:
    """A name in an expression, or where it is defined."""
    view = outline.view
    scope = outline.scope_at(spot.path)
    for name in scope.visible().values():
        for path, key in name.places:
            if path == spot.path and key == spot.key and name.kind != "item":
                return Named(spot.span, name)
    characters = None if spot.key else view.characters(spot.path)
    if characters is None:
        return None
    for use in outline.uses():
        expression = use.expression
        start = use.use.starts[use.part]
        if expression.path != spot.path or start is None:
            continue
        end = start + len(use.use.path[use.part])
        first, last = characters[expression.start + start], characters[expression.start + end]
        if first <= offset <= last:
            return Named((first, last), use.name)
    return _field(outline, spot, characters, offset)


def _field(outline: Outline, spot: Spot, characters: list[int] | object, offset: int) -> Named | None:
    """A field of a name: `draft.score` with the cursor on `score`."""
    assert isinstance(characters, list)
    for use in outline.uses():
        expression = use.expression
        if expression.path != spot.path or use.part:
            continue
        for part, start in enumerate(use.use.starts):
            if start is None:
                continue
            end = start + len(use.use.path[part])
            first, last = characters[expression.start + start], characters[expression.start + end]
            if first <= offset <= last:
                return Named((first, last), use.name, use.use.path[1 : part + 1])
    return None


def _link(workspace: Workspace, opened: Open, offset: int) -> Target | None:
    for link in opened.file.markdown.links:
        if not link.span[0] <= offset <= link.span[1]:
            continue
        if link.target.startswith("lev://"):
            return Reference(link.span, link.target, workspace.find(link.target, opened.package))
        target = link.target.split("#", 1)[0].split("?", 1)[0]
        if not target or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", target):
            return None
        path = Path(opened.file.path.parent, unquote(target))
        return Link(link.span, path, link.label.split("(")[0] if link.code and target.endswith(".py") else None)
    return None


def _of_manifest(workspace: Workspace, opened: Open, offset: int) -> Target | None:
    """A quoted text of `lev.toml` that is an export or one of the package's files."""
    span = _quoted_at(opened, offset)
    if span is None or opened.package is None:
        return None
    text = opened.file.text[span[0] + 1 : span[1] - 1]
    if export := _export(workspace, opened, text):
        return Reference(span, text, export)
    path = opened.package.root / text
    if text.startswith("./") and path.is_file():
        return Link(span, path)
    return Reference(span, text, workspace.find(text, opened.package)) if _SPECIFIER.fullmatch(text) else None


def _export(workspace: Workspace, opened: Open, text: str) -> Export | None:
    try:
        parse_specifier(text)
    except LevError:
        return None
    return workspace.find(text, opened.package) if text == "." or text.startswith("./") else None


def _quoted_at(opened: Open, offset: int) -> Span | None:
    start = opened.file.text.rfind("\n", 0, offset) + 1
    end = opened.file.text.find("\n", offset)
    for match in _QUOTED.finditer(opened.file.text, start, end if end >= 0 else len(opened.file.text)):
        if match.start() <= offset <= match.end():
            return match.span()
    return None


def _word(workspace: Workspace, opened: Open, offset: int) -> Target | None:
    """A rule's code, a principle's id, or a specifier, anywhere in a text."""
    text = opened.file.text
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = (start, end if end >= 0 else len(text))
    for pattern in (_CODE, _PRINCIPLE, _SPECIFIER):
        for match in pattern.finditer(text, *line):
            if match.start() <= offset <= match.end():
                if pattern is _CODE:
                    return Code(match.span(), match[0])
                if pattern is _PRINCIPLE:
                    return Principle(match.span(), match[0])
                export = workspace.find(match[0], opened.package)
                return None if export is None else Reference(match.span(), match[0], export)
    return None
