"""The tools that a package exports, and where their functions stand."""

from __future__ import annotations

from collections.abc import Iterator

from lev_os.core.errors import LevError
from lev_os.core.packaging import Export

from ..files import File
from ..project import PackageSubject
from ..rule import Span
from .modules import Module, find_module


def tools_of(subject: PackageSubject) -> Iterator[Export]:
    """The exports that are tools."""
    return (export for export in subject.exports if export.kind == "tool")


def module_of(subject: PackageSubject, export: Export) -> Module | None:
    """The module that an exported function is looked up in."""
    try:
        target = subject.package.target(export.subpath, "python")
    except LevError:
        return None
    name = "" if target.object is None else target.object.partition(":")[0]
    return find_module(subject.package.name, subject.package.root, name) if name else None


def function_of(subject: PackageSubject, export: Export) -> tuple[File, Span] | None:
    """Where a tool's function is defined, when that is in the module that its export names."""
    module = module_of(subject, export)
    if module is None:
        return None
    for function in module.functions():
        if function.name == export.name.replace("-", "_"):
            file = source(str(module.path))
            start = file.text.find(function.name, file.offset(function.lineno, function.col_offset + 1))
            return file, (start, start + len(function.name))
    return None


def source(path: str) -> File:
    """A module's file, for its places."""
    return File(path, path, "other")
