"""What the server knows: the files that are open, as they are written just now, and the packages around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lev_os.core import Package
from lev_os.core.documents import Document
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.packaging import Export, Resolver, environment_paths
from lev_os.core.packaging.loading import import_name

from ..files import MARKDOWN_KINDS, File
from ..kinds import OF_EXPORTS, kind_of, kind_of_named, sniff
from .outline import Outline
from .positions import Lines
from .yaml_view import YamlView


@dataclass(frozen=True)
class Open:
    """One version of an open file; a change makes a new one. `package` is the one that it lies in."""

    file: File
    version: int | None = None
    encoding: str = "utf-16"
    package: Package | None = None

    @cached_property
    def lines(self) -> Lines:
        """Its places, as the client counts them."""
        return Lines(self.file.text, self.encoding)

    @cached_property
    def document(self) -> Document | None:
        """The YAML of a YAML file, or of Markdown's frontmatter; None when there is none or it does not parse."""
        try:
            return self.file.frontmatter if self.file.kind in MARKDOWN_KINDS else self.file.yaml
        except InvalidInput:
            return None

    @cached_property
    def view(self) -> YamlView | None:
        """`document` with its places in the whole text."""
        return None if self.document is None else YamlView(self.file.text, self.document)

    @cached_property
    def outline(self) -> Outline | None:
        """The steps of a flow that is YAML."""
        return Outline(self.view) if self.file.kind == "flow" and self.view is not None else None


@dataclass
class Workspace:
    """Open files by path; packages as they are on disk, read once until `refresh`."""

    roots: tuple[Path, ...] = ()
    encoding: str = "utf-16"
    files: dict[Path, Open] = field(default_factory=dict)
    _packages: dict[Path, Package | None] = field(default_factory=dict)
    _kinds: dict[Path, dict[Path, str]] = field(default_factory=dict)
    _resolver: Resolver | None = None

    @property
    def root(self) -> Path:
        """The folder that paths in messages are relative to."""
        return self.roots[0] if self.roots else Path.cwd()

    def open(self, path: Path, text: str, version: int | None = None) -> Open:
        """Note the text of a file as it is written now."""
        package = self.package_of(path)
        kind = self._kind(path, text, package)
        opened = self.files[path] = Open(File(path, self.shown(path), kind, text), version, self.encoding, package)
        return opened

    def close(self, path: Path) -> None:
        """Forget a file's text: what is on disk counts again."""
        self.files.pop(path, None)

    def refresh(self) -> None:
        """Something changed on disk: packages are read anew when they are next asked for."""
        self._packages.clear()
        self._kinds.clear()
        self._resolver = None
        for path, opened in list(self.files.items()):
            self.open(path, opened.file.text, opened.version)

    def shown(self, path: Path) -> str:
        """A path as messages show it."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def package_of(self, path: Path) -> Package | None:
        """The package that a file lies in: the nearest folder above with a `lev.toml`."""
        for folder in path.parents:
            if folder not in self._packages:
                here = (folder / "lev.toml").is_file()
                self._packages[folder] = Package(import_name(folder), folder) if here else None
            if found := self._packages[folder]:
                return found
        return None

    def resolver(self) -> Resolver:
        """Finds other packages in the project's own environment."""
        if self._resolver is None:
            self._resolver = Resolver(environment_paths(self.root))
        return self._resolver

    def find(self, reference: str, within: Package | None) -> Export | None:
        """What a specifier names; None when it names nothing."""
        try:
            package, subpath = self.resolver().find(reference, within)
            return package.export(subpath)
        except (LevError, OSError, ValueError):
            return None

    def exports(self, package: Package | None, *kinds: str) -> Iterator[Export]:
        """The exports of a package that are of one of these kinds; none of a package that cannot be read."""
        try:
            found = package.exports() if package is not None else ()
        except (LevError, OSError):
            return
        for export in found:
            if export.kind in kinds:
                yield export

    def lines_of(self, path: Path) -> Lines:
        """The places of a file, open or on disk; raises `OSError`, `ValueError`."""
        opened = self.files.get(path)
        return opened.lines if opened else Lines(path.read_text("utf-8"), self.encoding)

    def read(self, path: Path) -> Open | None:
        """A file that is not open, as it is on disk; None when it cannot be read."""
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError):
            return None
        package = self.package_of(path)
        return Open(File(path, self.shown(path), self._kind(path, text, package), text), None, self.encoding, package)

    def _kind(self, path: Path, text: str, package: Package | None) -> str:
        if package is not None and (kind := self._exported(package).get(path)):
            return kind
        kind = kind_of(path.name, path.parent.parts) or kind_of_named(path.name)
        if kind == "document":
            kind = sniff(text) or ("flow" if package is not None and path.parent.name == "flows" else None)
        return kind or "other"

    def _exported(self, package: Package) -> dict[Path, str]:
        """The kinds of a package's files, by what its exports say."""
        if package.root not in self._kinds:
            found: dict[Path, str] = {}
            for export in self.exports(package, *OF_EXPORTS):
                if path := file_of(export):
                    found[path] = OF_EXPORTS[export.kind]
            try:
                if path := package.constitution_path:
                    found[path] = "constitution"
            except LevError:
                pass
            self._kinds[package.root] = found
        return self._kinds[package.root]


def file_of(export: Export) -> Path | None:
    """The file that a model is given for an export."""
    for condition in ("llm", "llm-first"):
        if condition in export.conditions:
            try:
                return export.package.target(export.subpath, condition).path
            except LevError:
                continue
    return None
