"""Where the thing under the cursor comes from, in whichever package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lev_os.core import Package
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export

from .cursor import Link, Named, Principle, Reference, target_at
from .workspace import Open, Workspace, file_of

_EMPTY = (0, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A file and the characters in it that are meant."""

    path: Path
    start: int = 0
    end: int = 0


def definition(workspace: Workspace, opened: Open, offset: int) -> Place | None:
    """Where to go; None when there is nowhere."""
    target = target_at(workspace, opened, offset)
    match target:
        case Reference(export=Export() as export):
            return _of_export(export)
        case Named(name=name):
            if name.places and opened.view is not None:
                path, key = name.places[0]
                span = opened.view.span(path, key=key) or _EMPTY
                return Place(opened.file.path, *span)
            return _input(opened) if name.kind == "input" else None
        case Principle(id=principle):
            return _of_principle(workspace, opened.package, principle)
        case Link(path=path, object=name) if path.is_file():
            return Place(path.resolve(), *_in_source(path, name)) if name else Place(path.resolve())
    return None


def _input(opened: Open) -> Place | None:
    for key in ("input", "input_schema"):
        span = opened.view.span((key,), key=True) if opened.view and opened.view.offset((key,), key=True) else None
        if span is not None:
            return Place(opened.file.path, *span)
    return None


def _of_export(export: Export) -> Place | None:
    """A file, or the line of Python that defines an object."""
    if path := file_of(export):
        return Place(path)
    try:
        path = Path(export.package.defined_at(export.subpath).path or "")
    except LevError:
        return None
    return Place(path, *_in_source(path, export.name.replace("-", "_")))


def _in_source(path: Path, name: str) -> tuple[int, int]:
    """The name in its `def` or `class`; a dotted name is looked for by its last part, behind the first."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return _EMPTY
    at = 0
    span = _EMPTY
    for part in name.split("."):
        match = re.compile(
            rf"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+({re.escape(part)})\b|^({re.escape(part)})\s*[:=]", re.M
        ).search(text, at)
        if match is None:
            return span
        at = match.end()
        span = match.span(1) if match[1] else match.span(2)
    return span


def _of_principle(workspace: Workspace, package: Package | None, name: str) -> Place | None:
    """The principle in the package's constitution, or in one that it extends."""
    pending = [package.constitution_path] if package is not None and package.error is None else []
    seen: set[Path] = set()
    while pending:
        path = pending.pop()
        if path is None or path in seen or not path.is_file():
            continue
        seen.add(path)
        text = path.read_text("utf-8", "replace")
        if match := re.search(rf"^\s*-?\s*id:\s*[\"']?({re.escape(name)})\b", text, re.M):
            return Place(path, *match.span(1))
        for reference in re.findall(r"[\w.]+(?:/[\w.-]+)+", text.partition("principles:")[0]):
            if export := workspace.find(reference, package):
                pending.append(file_of(export))
    return None
