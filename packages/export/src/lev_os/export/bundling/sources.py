"""From specifiers, packages and folders to the texts that a bundle chooses among."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from lev_os.core.canonical import digest_bytes
from lev_os.core.contexts import Context
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import Export, Package, PackageConfig, discover, find, load_package, parse_specifier
from lev_os.core.packaging.for_llm import package_of, parsed
from lev_os.core.packaging.specifiers import is_import_name

from .folders import read_folder
from .model import Text

Source = str | os.PathLike[str] | Package | Export | PackageConfig
"""A specifier, a package's name, the path of a package, a folder or a file; or the package or export itself."""

_CONTEXTS = frozenset({"context", "personality", "skill"})


class Collection:
    """Texts by specifier. `candidates` may be chosen for themselves; the others only come with what requires them."""

    def __init__(self, sources: Sequence[Source], installed: Sequence[Package] | None = None) -> None:
        """Raises `LevError` for a source that is not there; what cannot be used within one has a `fault`."""
        self.texts: dict[str, Text] = {}
        self.absent: dict[str, str] = {}
        self._files: dict[str, dict[str, str]] = {}
        for source in sources:
            for text in _read(source, self._links):
                self.texts.setdefault(text.specifier, text)
        if not sources:
            for package in discover().packages if installed is None else installed:
                for text in _installed(package, self._links):
                    self.texts.setdefault(text.specifier, text)
        self.candidates = tuple(self.texts)
        self._complete()

    def _complete(self) -> None:
        """Read what is required and was not asked for itself."""
        pending = [ref for text in self.texts.values() for ref in text.requires]
        while pending:
            ref = pending.pop()
            if ref in self.texts or ref in self.absent:
                continue
            try:
                package, subpath = find(ref)
                text = _of_export(package.export(subpath), self._links)
            except LevError as error:
                self.absent[ref] = error.message
                continue
            self.texts[ref] = text
            pending += text.requires

    def _links(self, package: Package) -> dict[str, str]:
        """What the files of a package are called, by their real paths."""
        known = self._files.get(package.name)
        if known is None:
            known = self._files[package.name] = {}
            for export in package.exports():
                for condition in {"llm", "llm-first"} & set(export.conditions):
                    path = package.target(export.subpath, condition).path
                    if path is not None:
                        known.setdefault(str(path), f"lev://{export.specifier}")
                        if export.subpath != ".":
                            known[str(path)] = f"lev://{export.specifier}"
        return known


Links = Callable[[Package], dict[str, str]]


def _read(source: Source, links: Links) -> Iterable[Text]:
    if isinstance(source, Export):
        return [_of_export(source, links)]
    if isinstance(source, PackageConfig):
        return _of_package(package_of(source), links)
    if isinstance(source, Package):
        return _of_package(source, links)
    given = os.fspath(source)
    bare = given.removeprefix("lev://")
    if isinstance(source, str) and not (os.sep in given and os.path.exists(given)):
        if is_import_name(bare) and not (_is_place(given) and not _is_package(bare)):
            return _of_package(load_package(bare), links)
        if not os.path.exists(given):
            package, subpath = find(given)
            return [_of_export(package.export(subpath), links)]
    return _of_path(Path(given), links)


def _is_place(name: str) -> bool:
    return os.path.exists(name) and not os.path.isfile(os.path.join(name, "lev.toml"))


def _is_package(name: str) -> bool:
    try:
        load_package(name)
    except LevError:
        return False
    return True


def _of_path(path: Path, links: Links) -> Iterable[Text]:
    if (path / "lev.toml").is_file() or path.name == "lev.toml":
        return _of_package(load_package(path), links)
    if not path.exists():
        raise LevError(f"{path} does not exist", help="name a package, a specifier, a folder or a file")
    return read_folder(path)


def _installed(package: Package, links: Links) -> Iterator[Text]:
    """The texts of a package that nobody named: nothing of it must come, and nothing of it is an error."""
    try:
        for text in _of_package(package, links):
            text.up_front = False
            yield text
    except LevError as error:
        yield faulty(package.name, error)


def _of_package(package: Package, links: Links) -> Iterator[Text]:
    for export in package.exports():
        if _is_context(export):
            up_front = package.is_up_front(export.subpath)
            try:
                yield _of_export(export, links)
            except (LevError, OSError) as error:
                if up_front:
                    raise
                yield faulty(export.specifier, error)


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


def _of_export(export: Export, links: Links) -> Text:
    """One export as a model gets it; a flow, a tool or a constitution too, when it is asked for by name."""
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
    file = None if context.path is None else Path(context.path)

    def resolve(target: str) -> str | None:
        name, mark, anchor = target.partition("#")
        if file is None or not name:
            return None
        found = links(package).get(os.path.realpath(file.parent / unquote(name)))
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


def _absolute(ref: str, package: Package) -> str:
    try:
        name, subpath = parse_specifier(ref)
    except LevError:
        return ref
    return package.specifier(subpath) if name in (None, package.name) else f"{name}/{subpath.removeprefix('./')}"


def faulty(specifier: str, error: LevError | OSError) -> Text:
    """A text that cannot be used, with the reason."""
    if isinstance(error, InvalidInput) and error.problems:
        reason = error.problems[0].message
    else:
        reason = error.message if isinstance(error, LevError) else error.strerror or type(error).__name__
    return Text(specifier, "", digest_bytes(b""), fault=reason)
