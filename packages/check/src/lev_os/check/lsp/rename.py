"""Renaming a step's id, with every expression that reads it, in its own scope and through loops and branches."""

from __future__ import annotations

from lev_os.core.errors import LevError
from lev_os.core.flowmind.expressions import is_identifier
from lev_os.core.packaging.for_llm import parsed

from ..diagnostics import Edit
from ..rule import Span
from .cursor import Named, target_at
from .outline import Name, Outline, Scope
from .workspace import Open, Workspace

_FIXED = frozenset({"input", "error"})


def renamable(workspace: Workspace, opened: Open, offset: int) -> tuple[str, Span] | None:
    """The name under the cursor and its place; None when it is none that can be renamed."""
    target = target_at(workspace, opened, offset)
    if not isinstance(target, Named) or target.fields or target.name.kind not in {"id", "set"}:
        return None
    start, end = target.span
    if opened.file.text[start : start + 1] in {"'", '"'}:
        start, end = start + 1, end - 1
    return target.name.text, (start, end)


def rename(workspace: Workspace, opened: Open, offset: int, new: str) -> list[Edit]:
    """The edits that give the name under the cursor another one; raises `LevError` when it cannot have it."""
    outline = opened.outline
    if outline is None:
        raise LevError("this flow is not YAML just now", help="mend it first; nothing was changed")
    target = target_at(workspace, opened, offset)
    if renamable(workspace, opened, offset) is None or not isinstance(target, Named):
        raise LevError("only the id of a step, or a name that `set` gives, can be renamed here")
    name = target.name
    _refuse(workspace, opened, outline, name, new)
    places: set[Span] = set()
    for path, key in name.places:
        _add(outline, places, path, 0, name.text, key=key)
    for use in outline.uses():
        start = use.use.starts[use.part]
        if use.name is name and start is not None:
            _add(outline, places, use.expression.path, use.expression.start + start, name.text)
    return [Edit(start, end, new) for start, end in sorted(places)]


def _refuse(workspace: Workspace, opened: Open, outline: Outline, name: Name, new: str) -> None:
    if not is_identifier(new) or new in _FIXED:
        raise LevError(f"`{new}` cannot be the name of a step", help="use letters, digits and `_`, and no word of CEL")
    if new == name.text:
        return
    for scope in outline.scopes:
        if new in scope.names and (_reaches(scope, name) or _reaches(_home(outline, name), scope.names[new])):
            raise LevError(f"`{new}` is taken in this flow", help="choose another name")
    reader = _read_by_context(workspace, opened, outline, name.text)
    if reader:
        raise LevError(f"`{reader}` reads `{name.text}` by name (lev-params)", help="rename it there first")


def _home(outline: Outline, name: Name) -> Scope:
    return next(scope for scope in outline.scopes if scope.names.get(name.text) is name)


def _reaches(scope: Scope | None, name: Name) -> bool:
    """Whether `name` can be read in `scope`."""
    while scope is not None:
        if scope.names.get(name.text) is name:
            return True
        scope = scope.outer
    return False


def _read_by_context(workspace: Workspace, opened: Open, outline: Outline, name: str) -> str | None:
    """A context of this flow whose text takes `name` from the flow."""
    given = [outline.data.get("context"), *(step.data.get("context") for step in outline.all_steps())]
    references = {str(item) for items in given if isinstance(items, list) for item in items}
    for reference in sorted(references):
        export = workspace.find(reference, opened.package)
        try:
            if export is not None and name in parsed(export, "llm").params:
                return reference
        except (LevError, OSError, AttributeError):
            continue
    return None


def _add(
    outline: Outline, places: set[Span], path: tuple[str | int, ...], start: int, text: str, *, key: bool = False
) -> None:
    characters = outline.view.characters(path, key=key)
    if characters is None:
        raise LevError(
            f"`{text}` stands where it cannot be told apart", help="write the value on one line, then rename"
        )
    span = characters[start], characters[start + len(text)]
    if outline.view.text[span[0] : span[1]] != text:
        raise LevError(f"`{text}` is written with escapes", help="write it plainly, then rename")
    places.add(span)
