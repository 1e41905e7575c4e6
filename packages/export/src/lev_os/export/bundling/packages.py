"""The texts of packages: what their export maps offer to a model, each under its specifier."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from lev_os.core.canonical import digest_bytes
from lev_os.core.contexts import Context
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import Export, Package, PackageConfig, discover, find, load_package, parse_specifier
from lev_os.core.packaging.for_llm import package_of, parsed
from lev_os.core.packaging.specifiers import is_import_name

from .folders import read_file, resolver
from .model import Text
from .walking import files_below

_CONTEXTS = frozenset({"context", "personality", "skill"})


class Reader:
    """Reads packages, and remembers what their files are called."""

    def __init__(self) -> None:
        self._files: dict[Path, dict[str, str]] = {}

    def named(self, name: str) -> Iterable[Text]:
        """A package by its name, or one export by its specifier; raises `LevError`."""
        if is_import_name(name.removeprefix("lev://")):
            return self._all(load_package(name.removeprefix("lev://")))
        package, subpath = find(name)
        return [self._one(package.export(subpath))]

    def at(self, path: Path) -> Iterable[Text]:
        """The package that lies there."""
        return self._all(load_package(path))

    def given(self, source: Package | Export | PackageConfig) -> Iterable[Text]:
        """What is no name."""
        if isinstance(source, Export):
            return [self._one(source)]
        return self._all(package_of(source) if isinstance(source, PackageConfig) else source)

    def required(self, specifier: str) -> Text:
        """What a context requires; raises `LevError`."""
        package, subpath = find(specifier)
        return self._one(package.export(subpath))

    def installed(self, packages: Sequence[Package] | None) -> Iterator[Text]:
        """The texts of packages that nobody named: nothing of them must come, and nothing in them is an error."""
        for package in discover().packages if packages is None else packages:
            try:
                for text in self._all(package):
                    text.up_front = False
                    yield text
            except LevError as error:
                yield _faulty(package.name, error)

    def _all(self, package: Package) -> Iterator[Text]:
        """Its contexts and skills. A personality tells a model how to think: it comes only if it is asked for."""
        for export in package.exports():
            if _is_context(export) and (export.kind != "personality" or package.is_up_front(export.subpath)):
                try:
                    yield self._one(export)
                except (LevError, OSError) as error:
                    if package.is_up_front(export.subpath):
                        raise
                    yield _faulty(export.specifier, error)
                if export.kind == "skill":
                    yield from self._beside(export)

    def _beside(self, skill: Export) -> Iterator[Text]:
        """The texts in a skill's folder, which its SKILL.md sends a model to; what leads out of the package is not."""
        path = skill.package.target(skill.subpath, _condition(skill)).path
        folder, inside = os.path.dirname(path or ""), skill.package.base + os.sep
        files = {name: file for name, file in files_below(folder) if os.path.realpath(file).startswith(inside)}
        names = {f"{skill.specifier}/{name}" for name in files if name != "SKILL.md"}
        for name, file in sorted(files.items()):
            specifier = f"{skill.specifier}/{name}"
            if specifier in names:
                yield read_file(file, specifier, resolver(specifier, names))

    def _one(self, export: Export) -> Text:
        """An export as a model gets it; a flow, a tool or a constitution too, when it is asked for by name."""
        package, up_front = export.package, export.package.is_up_front(export.subpath)
        if not _is_context(export):
            loaded = export.for_llm()
            fence = "json" if export.kind == "tool" else "yaml"
            text = f"# {export.name}\n\n```{fence}\n{loaded['text'].strip()}\n```\n"
            return Text(export.specifier, text, loaded["digest"], up_front=up_front)
        context = parsed(export, _condition(export))
        if not isinstance(context, Context):  # a Markdown file that is exported under a name of its own
            body, path = package.read(export.subpath, _condition(export))
            context = Context.parse(body, path=path, package=package, specifier=export.specifier)

        def resolve(target: str) -> str | None:
            name, mark, anchor = target.partition("#")
            if context.path is None or not name:
                return None
            found = self._called(package).get(os.path.realpath(context.path.parent / unquote(name)))
            return None if found is None else f"{found}{mark}{anchor}"

        return Text(
            export.specifier,
            context.text,
            context.digest,
            context.priority,
            tuple(_absolute(ref, package) for ref in context.requires),
            tuple(_absolute(ref, package) for ref in context.conflicts),
            context.description,
            up_front,
            resolve,
        )

    def _called(self, package: Package) -> dict[str, str]:
        """What the files of a package are called, by their real paths; one with two names goes by its own."""
        known = self._files.get(package.root)
        if known is None:
            known = self._files[package.root] = {}
            for export in package.exports():  # `.` comes first
                for condition in {"llm", "llm-first"} & set(export.conditions):
                    path = package.target(export.subpath, condition).path
                    if path is None:
                        continue
                    if export.kind == "skill":
                        beside = files_below(str(path.parent))
                        known |= {os.path.realpath(file): f"{export.specifier}/{name}" for name, file in beside}
                    known[str(path)] = f"lev://{export.specifier}"
        return known


def _is_context(export: Export) -> bool:
    if {"llm", "llm-first"}.isdisjoint(export.conditions):
        return False
    if export.kind in _CONTEXTS:
        return True
    path = export.package.target(export.subpath, _condition(export)).path
    return export.kind == "file" and path is not None and path.suffix == ".md"


def _condition(export: Export) -> str:
    if export.package.is_up_front(export.subpath):
        return "llm-first"
    return "llm" if "llm" in export.conditions else "llm-first"


def _absolute(ref: str, package: Package) -> str:
    try:
        name, subpath = parse_specifier(ref)
    except LevError:
        return ref
    if name is None or name == package.name:
        return package.specifier(subpath)
    return name if subpath == "." else f"{name}/{subpath.removeprefix('./')}"


def _faulty(specifier: str, error: LevError | OSError) -> Text:
    """A text that cannot be used, with the reason."""
    if isinstance(error, InvalidInput) and error.problems:
        reason = error.problems[0].message
    else:
        reason = error.message if isinstance(error, LevError) else error.strerror or type(error).__name__
    return Text(specifier, "", digest_bytes(b""), fault=reason)
