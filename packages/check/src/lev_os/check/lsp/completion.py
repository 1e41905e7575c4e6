"""What may be written at the cursor: keys, specifiers, the names and fields of an expression, fixed words.

A file that is being written is seldom valid. So the line under the cursor is first replaced by one that parses and
holds a marker where something is to be written; what the marker stands in is what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lev_os.core.documents import Path, read_yaml
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind.names import names_in

from ..files import MARKDOWN_KINDS, File
from . import schema_walk, toml_completion
from .outline import EXPRESSIONS, Name, Outline
from .types import field_of, in_words, schema_of
from .workspace import Open, Workspace
from .yaml_view import YamlView

_MARK = "lev0here"
_LINE = re.compile(r"^(?P<lead>[ \t]*(?:-[ \t]+)*)(?:(?P<key>\"[^\"]*\"|[\w.\-]+):(?P<value>[ \t]+.*|)$)?")
_FIELDS = re.compile(r"[A-Za-z_]\w*(?:(?:\.\w*)|(?:\[\d*\]))*\Z")
_FUNCTIONS = ("has", "size", "int", "double", "string", "matches")
_METHODS = ("size", "contains", "startsWith", "endsWith", "matches", "all", "exists", "exists_one", "map", "filter")
_WANTED: Mapping[str, tuple[str, ...]] = {
    "call": ("tool",), "tools": ("tool",), "flow": ("flow",), "context": ("context", "personality", "skill"),
    "extends": ("constitution",), "by": ("personality",), "lev-requires": ("context", "personality"),
    "lev-conflicts": ("context", "personality"), "lev-opposite": ("personality",),
}  # fmt: skip

Kind = Literal["key", "reference", "name", "field", "function", "value"]


@dataclass(frozen=True, slots=True)
class Item:
    """One proposal: `text` replaces the characters from `start` to the cursor. `export` is what it refers to."""

    text: str
    kind: Kind
    start: int
    detail: str = ""
    about: str = ""
    export: str | None = None


@dataclass(frozen=True, slots=True)
class _Here:
    """The cursor: what stands before it in its line, and the line's parts."""

    offset: int
    before: str
    lead: str
    key: str | None
    value: str


def completion(workspace: Workspace, opened: Open, offset: int) -> list[Item]:
    """Proposals for the cursor, the best first; empty where nothing is known."""
    if opened.file.kind == "manifest":
        return _manifest(opened, offset)
    if opened.file.kind in MARKDOWN_KINDS:
        link = _link(workspace, opened, offset)
        if link is not None:
            return link
        if not _in_frontmatter(opened, offset):
            return []
    elif opened.file.kind not in {"flow", "constitution"}:
        return []
    here = _here(opened.file.text, offset)
    expression = _expression(opened, here)
    if expression is not None:
        return _names(workspace, opened, here, expression)
    if here.key is None:
        return [*_keys(opened, here), *_items(workspace, opened, here)]
    return _values(workspace, opened, here)


def _manifest(opened: Open, offset: int) -> list[Item]:
    found = toml_completion.proposals(opened.file.text, offset, opened.file.path.parent)
    return [
        Item(text, "reference" if text.startswith("./") else "key", offset - typed, about=about)
        for text, about, typed in found
    ]


# --- the line under the cursor


def _here(text: str, offset: int) -> _Here:
    start = text.rfind("\n", 0, offset) + 1
    before = text[start:offset]
    match = _LINE.match(before)
    assert match is not None  # every part of the pattern is optional
    return _Here(offset, before, match["lead"], match["key"] and match["key"].strip('"'), match["value"] or "")


def _marked(opened: Open, here: _Here, line: str) -> tuple[YamlView, Path] | None:
    """The document with the cursor's line replaced, and where the marker is in it."""
    text = opened.file.text
    start = here.offset - len(here.before)
    end = text.find("\n", here.offset)
    patched = f"{text[:start]}{line}{text[end:] if end >= 0 else ''}"
    file = File(opened.file.path, opened.file.name, opened.file.kind, patched)
    try:
        document = file.frontmatter if file.kind in MARKDOWN_KINDS else read_yaml(patched, path=file.name)
    except InvalidInput:
        return None
    if document is None:
        return None
    path = _find(document.data, ())
    return None if path is None else (YamlView(patched, document), path)


def _find(data: Any, path: Path) -> Path | None:
    """The path of the marker, as a key or in a text."""
    if isinstance(data, str):
        return path if _MARK in data else None
    children = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for part, child in children:
        if part == _MARK:
            return (*path, part)
        if (found := _find(child, (*path, part))) is not None:
            return found
    return None


# --- expressions


def _expression(opened: Open, here: _Here) -> str | None:
    """The CEL before the cursor; None when it is in none."""
    if opened.file.kind != "flow":
        return None
    opening = here.before.rfind("${")
    if opening >= 0 and "}" not in here.before[opening:]:
        return here.before[opening + 2 :]
    if here.key in EXPRESSIONS:
        return here.value.lstrip().lstrip("\"'")
    if here.key == "for_each" and (match := re.match(r"\s*[\"']?\w+\s+in\s+(.*)", here.value)):
        return match[1]
    return None


def _names(workspace: Workspace, opened: Open, here: _Here, expression: str) -> list[Item]:
    typed = _FIELDS.search(expression)
    written = typed[0] if typed else ""
    found = _marked(opened, here, f"{here.lead}{here.key}: {_MARK}" if here.key else f'{here.lead}"{_MARK}"')
    view, path = found if found else (opened.view, ())
    if view is None:
        return []
    outline = Outline(view)
    visible = outline.scope_at(path).visible()
    if "." in written:
        return list(_fields(workspace, opened, outline, visible, written, here.offset))
    items = [
        Item(name.text, "name", here.offset - len(written), in_words(schema_of(workspace, opened, outline, name)))
        for name in visible.values()
        if _before(view, name, here) and not (path and outline.step_at(path) is name.step and name.kind == "id")
    ]
    functions = [Item(name, "function", here.offset - len(written)) for name in _FUNCTIONS] if written else []
    return [*items, *functions]


def _before(view: YamlView, name: Name, here: _Here) -> bool:
    """Whether a name is defined before the cursor."""
    starts = [view.offset(path, key=key) for path, key in name.places]
    return not starts or any(start is not None and start < here.offset for start in starts)


def _fields(
    workspace: Workspace, opened: Open, outline: Outline, visible: Mapping[str, Name], written: str, offset: int
) -> Iterator[Item]:
    head, _, last = written.rpartition(".")
    uses = names_in(head)
    if not uses or uses[-1].path[0] not in visible:
        return
    name = visible[uses[-1].path[0]]
    schema = field_of(schema_of(workspace, opened, outline, name), uses[-1].path[1:])
    for field, inner in schema.get("properties", {}).items():
        yield Item(field, "field", offset - len(last), in_words(inner))
    if not schema.get("properties"):
        for method in _METHODS:
            yield Item(method, "function", offset - len(last))


# --- keys and values


def _keys(opened: Open, here: _Here) -> list[Item]:
    """The keys that fit here and are not there yet."""
    typed = here.before[len(here.lead) :]
    found = _marked(opened, here, f"{here.lead}{_MARK}: 0")
    name = schema_walk.format_of(opened.file.kind) or "context"
    if found is None or (typed and not re.fullmatch(r"[\w.-]*", typed)):
        return []
    view, path = found
    holder = view.value(path[:-1])
    known = schema_walk.properties(name, view.document.data, path[:-1])
    if opened.file.kind == "flow" and Outline(view).step_at(path[:-1]) is not None and len(path) > 1:
        known = {**known, **_step_kinds(holder, path)}
    return [
        Item(f"{key}: ", "key", here.offset - len(typed), about=str(schema.get("description") or ""))
        for key, schema in known.items()
        if key not in holder
    ]


def _step_kinds(holder: Mapping[str, Any], path: Path) -> dict[str, Mapping[str, Any]]:
    """The kinds of steps, for a step that has none yet."""
    if not isinstance(path[-2], int):
        return {}
    definitions: Mapping[str, Any] = schema_walk.schema_of_format("flow")["$defs"]
    kinds = {name: found for name, found in definitions.items() if name in found.get("properties", ())}
    return {} if holder.keys() & kinds.keys() else {"id": {"description": "The name of the result."}, **kinds}


def _values(workspace: Workspace, opened: Open, here: _Here) -> list[Item]:
    typed = here.value.lstrip().lstrip("\"'[")
    wanted = _WANTED.get(here.key or "")
    if wanted:
        word = re.split(r"[\s,\[]", here.value)[-1].lstrip("\"'")
        return list(_references(workspace, opened, wanted, here.offset - len(word)))
    found = _marked(opened, here, f"{here.lead}{here.key}: {_MARK}")
    if found is None:
        return []
    view, path = found
    name = schema_walk.format_of(opened.file.kind) or "context"
    values = dict.fromkeys(schema_walk.choices(schema_walk.at(name, view.document.data, path)))
    if opened.file.kind == "flow" and any(part in {"input", "output", "returns"} for part in path[:-1]):
        values |= dict.fromkeys(("string", "number", "integer", "boolean", "object", "array", "any"))
    return [Item(value, "value", here.offset - len(typed)) for value in values]


def _items(workspace: Workspace, opened: Open, here: _Here) -> list[Item]:
    """The items of a list of references."""
    if "-" not in here.lead:
        return []
    typed = here.before[len(here.lead) :].lstrip("\"'")
    found = _marked(opened, here, f"{here.lead}{_MARK}")
    if found is None or not found[1] or not isinstance(found[1][-1], int):
        return []
    view, path = found
    wanted = _WANTED.get(str(path[-2])) if len(path) > 1 else None
    if wanted:
        return list(_references(workspace, opened, wanted, here.offset - len(typed)))
    name = schema_walk.format_of(opened.file.kind) or "context"
    values = dict.fromkeys(schema_walk.choices(schema_walk.at(name, view.document.data, path)))
    return [Item(value, "value", here.offset - len(typed)) for value in values]


def _references(workspace: Workspace, opened: Open, kinds: tuple[str, ...], start: int) -> Iterator[Item]:
    """The exports of this package, then those of core, that are of a kind."""
    package = opened.package
    for export in workspace.exports(package, *kinds):
        yield Item(export.subpath, "reference", start, export.kind, export=export.specifier)
    others = workspace.find("lev_os.core", None) if package is None or package.name != "lev_os.core" else None
    for export in workspace.exports(others.package if others else None, *kinds):
        yield Item(export.specifier, "reference", start, export.kind, export=export.specifier)


# --- Markdown


def _in_frontmatter(opened: Open, offset: int) -> bool:
    text = opened.file.text
    end = text.find("\n---", 3)
    return text.startswith("---") and offset > 3 and (end < 0 or offset <= end)


def _link(workspace: Workspace, opened: Open, offset: int) -> list[Item] | None:
    """Targets of a Markdown link that is being written; None when none is."""
    line = opened.file.text[opened.file.text.rfind("\n", 0, offset) + 1 : offset]
    match = re.search(r"\]\(([^()\s]*)\Z", line)
    if match is None:
        return None
    folder = opened.file.path.parent
    start = offset - len(match[1])
    files = sorted(path for path in folder.glob("**/*.md") if path != opened.file.path)[:200]
    items = [Item(path.relative_to(folder).as_posix(), "reference", start) for path in files]
    if match[1].startswith("lev:"):
        items = [
            replace(item, text=f"lev://{opened.package.specifier(item.text)}" if opened.package else item.text)
            for item in _references(workspace, opened, ("context", "personality"), start)
            if item.text.startswith("./")
        ]
    return items
