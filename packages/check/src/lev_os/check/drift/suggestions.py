"""What a document probably means by a name that is not there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches

from ..api.classes import Classes
from ..api.types import Types
from ..api.values import ClassValue, Found, InstanceValue, ModuleValue
from .follow import Drift

_MOST_BYTES = 32 * 1024 * 1024


def suggestion(drift: Drift, classes: Classes) -> str | None:
    """Where the name is now, or the nearest one; None when nothing is near."""
    before = drift.written.rpartition(".")[0]
    if drift.what != "parameter":
        found = _inside(drift, classes, before) or _elsewhere(drift, classes.types)
        if found is not None:
            return found
    close = get_close_matches(drift.name, drift.names, 1, 0.6)
    if not close:
        return None
    shown = f"{before}.{close[0]}" if before and drift.what != "parameter" else close[0]
    return f"did you mean `{shown}`?"


def _inside(drift: Drift, classes: Classes, before: str) -> str | None:
    """A member of an attribute: `client.stream_events` may be `client.events.stream` now."""
    if drift.what != "attribute" or not isinstance(drift.of, ClassValue | InstanceValue):
        return None
    for name in drift.names:
        answer = classes.member(drift.of, name)
        value = answer.value if isinstance(answer, Found) else None
        if not isinstance(value, InstanceValue):
            continue
        for member in classes.names(value.of):
            if drift.name in (member, f"{name}_{member}", f"{member}_{name}"):
                return f"did you mean `{before}.{name}.{member}`?"
    return None


def _elsewhere(drift: Drift, types: Types) -> str | None:
    """Another module of the same package that has the name."""
    if not isinstance(drift.of, ModuleValue) or drift.what == "deprecated" or len(drift.name) < 4:
        return None
    top = drift.of.name.partition(".")[0]
    homes = sorted(_homes(drift.name, top, types))
    return f"`{drift.name}` is in `{homes[0][-1]}`" if homes else None


def _homes(name: str, top: str, types: Types) -> Iterator[tuple[bool, bool, int, str]]:
    """The modules of a package that define or pass on a public name; those that sort first are meant for users."""
    if name.startswith("_") or not name.isidentifier():
        return
    word = re.compile(rf"\b{name}\b")
    size = 0
    for module, path in _modules(top, types):
        try:
            size += os.path.getsize(path)
            if size > _MOST_BYTES:
                return
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            continue
        if word.search(text):
            shape = types.index.module(module)
            if shape is not None and name in (shape.exports or shape.members):
                yield not shape.exports, not shape.is_package, module.count("."), module


def _modules(top: str, types: Types) -> Iterator[tuple[str, str]]:
    todo = [top]
    while todo:
        module = todo.pop()
        source = types.index.finder.find(module)
        if source is None:
            continue
        if source.path:
            yield module, source.path
        if source.folders:
            todo += [f"{module}.{name}" for name in types.index.finder.submodules(module) if not name.startswith("_")]
