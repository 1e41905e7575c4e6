"""Patterns of an export map, expanded against the files and modules of the package."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, LevError, Location, Problem
from ._files import locate, locate_quickly, path_fault
from ._modules import Definition, Module, find_definition, read_module
from .exports import ExportNotFound, best_pattern
from .manifest import PYTHON, is_reference, texts

if TYPE_CHECKING:
    from .export import Target
    from .package import Package

_MAX_FILES = 20_000
_ASKED = ("llm-first", "llm", "python", "default")


def matching_key(table: Mapping[str, Any], subpath: str) -> str | None:
    """The key of the export map that `subpath` falls under."""
    if subpath in table:
        return subpath
    return best_pattern(table, subpath)[0] or None


def conditions_of(package: Package, subpath: str) -> tuple[str, ...]:
    """The conditions under which a subpath resolves to something that is there."""
    known: dict[frozenset[str], bool] = {}  # most askers differ in conditions that the map never mentions
    conditions = []
    for condition in _ASKED:
        active = package.active(condition)
        if active not in known:
            known[active] = _is_there(package, subpath, condition)
        if known[active]:
            conditions.append(condition)
    return tuple(conditions)


def _is_there(package: Package, subpath: str, condition: str) -> bool:
    try:
        found = package.chosen(subpath, condition)
    except LevError:
        return False
    if not found.startswith(PYTHON):
        return _is_file(package, found)
    try:
        check_reference(package, subpath, package.target_of(subpath, condition, found))
    except (LevError, OSError):
        return False
    return True


def _is_file(package: Package, target: str) -> bool:
    path = locate_quickly(package.base, target, package.plain_folders)
    return path is not None and os.path.isfile(path)


def check_reference(package: Package, subpath: str, target: Target) -> None:
    """That a Python reference names something the package may export; raises `LevError`.

    A name that was written out may be anything of the module; one that a star stands for must be public there.
    """
    assert target.object is not None
    module_name, _, name = target.object.partition(":")
    module = module_of(package, module_name)
    if not name:
        return
    first = name.partition(".")[0]
    key = matching_key(package.table, subpath)
    starred = key is not None and "*" in key
    if starred and module.exposes:
        if not package.has_file(subpath):
            raise ExportNotFound(f"{target.specifier!r} is exposed by {module_name}, but there is no such file")
    elif starred and (name != first or name not in module.public):
        raise ExportNotFound(
            f"{target.specifier!r} is not exported: {module_name} does not define a public {name!r}",
            help=f"it defines {', '.join(module.public[:8])}" if module.public else None,
        )
    elif first not in module.definitions and first not in module.imports and not module.exposes:
        raise ExportNotFound(f"{target.specifier!r} is not exported: {module_name} has no {first!r}")


def definition_of(package: Package, subpath: str) -> tuple[Module, Definition | None]:
    """The function or class that a subpath is for Python, and the module it stands in; None for anything else."""
    target = package.target(subpath, "python")
    if target.object is None:
        raise LevError(f"{target.specifier!r} is a file, not Python code")
    module_name, _, name = target.object.partition(":")
    check_reference(package, subpath, target)
    return find_definition(module_of(package, module_name), name, package.name, package.root)


def is_function(package: Package, subpath: str) -> bool:
    """Whether a subpath is a function for Python, as far as the syntax tree tells."""
    try:
        definition = definition_of(package, subpath)[1]
    except (LevError, OSError):
        return False
    return isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef))


def module_of(package: Package, name: str) -> Module:
    """A module of the package, parsed once."""
    known = package.modules.get(name)
    if known is None:
        known = package.modules[name] = read_module(name, package.name, package.root)
    return known


def check_modules(package: Package) -> None:
    """Read every module that the export map names; raises `InvalidInput` with those that are not Python.

    Patterns stand for nothing in such a module, so that its exports would otherwise be missing without a word.
    """
    problems: list[Problem] = []
    references = (text for target in package.table.values() for text in texts(target) if is_reference(text))
    for name in dict.fromkeys(reference.partition(":")[0] for reference in references):
        try:
            module_of(package, name)
        except InvalidInput as error:
            problems += error.problems
        except LevError:
            continue  # a module that is not there is one that `lev check` tells
    if problems:
        raise InvalidInput(problems)


def expand(package: Package) -> dict[str, tuple[str, ...]]:
    """Every subpath that resolves to something, with its conditions. `InvalidInput` for names Python confuses."""
    found: dict[str, tuple[str, ...]] = {}
    if not package.manifest.exports:  # a wheel with skills alone: each is one file, for models
        for subpath, target in package.table.items():
            if _is_file(package, target["llm"]):
                found[subpath] = ("llm-first", "llm")
        return found
    for key, target in package.table.items():
        candidates = [key] if "*" not in key else (key.replace("*", star) for star in _stars(package, target))
        for subpath in candidates:
            if subpath not in found and not (subpath != "." and path_fault(subpath)):
                conditions = conditions_of(package, subpath)
                if conditions:
                    found[subpath] = conditions
    if not package.is_examined:
        _refuse_confusable(package, found)
    return found


def _stars(package: Package, target: Any) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts(target):
        for star in _stars_of(package, text):
            if star not in seen:
                seen.add(star)
                yield star


def _stars_of(package: Package, text: str) -> Iterable[str]:
    if text.startswith("./") and "*" in text:
        return _files_like(package, text)
    if text.endswith(":*"):
        try:
            module = module_of(package, text[:-2])
        except LevError:
            return ()
        return () if module.exposes else module.public
    return ()


def _files_like(package: Package, pattern: str) -> Iterator[str]:
    """What the star of a file pattern can stand for, given the files there are."""
    head, _, tail = pattern.partition("*")
    folder, slash, prefix = head.rpartition("/")
    base = str(locate(package.root, folder)) if folder != "." else str(package.root)
    for relative in _walk(base):
        if not relative.startswith(prefix):
            continue
        rest = relative[len(prefix) :]
        star = rest.partition(tail.partition("*")[0])[0] if "*" in tail else rest.removesuffix(tail) if tail else rest
        if star and pattern.replace("*", star) == f"{folder}{slash}{relative}":
            yield star


def _walk(base: str) -> Iterator[str]:
    """Files below a folder, as `a/b.md`, sorted; links to folders are not followed, caches are left out."""
    seen = 0
    for folder, folders, files in os.walk(base):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        relative = os.path.relpath(folder, base).replace(os.sep, "/")
        for name in sorted(files):
            seen += 1
            if seen > _MAX_FILES:
                raise InvalidInput(
                    [Problem("MAN302", f"a pattern covers more than {_MAX_FILES:,} files", Location(base))]
                )
            yield name if relative == "." else f"{relative}/{name}"


def _refuse_confusable(package: Package, found: Mapping[str, tuple[str, ...]]) -> None:
    seen: dict[str, str] = {}
    problems = []
    for subpath in sorted(found):
        other = seen.setdefault(subpath.replace("-", "_"), subpath)
        if other != subpath:
            message = f"{subpath!r} and {other!r} are one name in Python"
            place = Location(package.manifest.path or str(package.root))
            problems.append(Problem("MAN117", message, place, "rename one of the files"))
    if problems:
        raise InvalidInput(problems)
