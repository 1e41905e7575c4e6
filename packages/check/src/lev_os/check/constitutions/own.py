"""The principles that a package itself states, each with its places in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lev_os.core import Constitution
from lev_os.core.constitutional.build import stated_in
from lev_os.core.constitutional.model import Principle
from lev_os.core.constitutional.readable import readable
from lev_os.core.documents import Document

from ..files import File
from ..project import PackageSubject
from ..rule import Finding, Span


@dataclass(frozen=True, slots=True)
class Stated:
    """A principle of this file; `index` is its number under `principles`, `data` its YAML as written."""

    principle: Principle
    index: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Own:
    """A constitution of a package and its document, as far as they can be read, and the file that holds them."""

    constitution: Constitution
    file: File
    document: Document

    def stated(self) -> Iterator[Stated]:
        """The file's own principles that can be put to use, in order; inherited ones only where they are restated."""
        own = (each for each in self.constitution.principles if each.at.path == self.file.where)
        by_place = {(principle.at.line, principle.at.column): principle for principle in own}
        for index, data in stated_in(self.document):
            at = self.document.at(("principles", index, "id"))
            principle = by_place.get((at.line, at.column))
            if principle is not None:
                yield Stated(principle, index, data)

    def span(self, *path: str | int, key: bool = False) -> Span:
        """What stands at a path of the document, or its key."""
        at = self.document.at(path, key=key)
        return self.file.span_at(at.line or 1, at.column or 1)

    def finding(self, message: str, *path: str | int, help: str | None = None, key: bool = False) -> Finding:
        """A finding at a path of the document."""
        return Finding(self.span(*path, key=key), message, help, file=self.file.where)


def constitutions_of(subject: PackageSubject) -> Iterator[Own]:
    """The constitutions that stand in the package's files and can be read."""
    for path, constitution in subject.constitutions.items():
        document = subject.files[path].yaml
        yield Own(constitution, subject.files[path], readable(document) or document)


def stated_by(subject: PackageSubject) -> Iterator[tuple[Own, Stated]]:
    """Each principle that a constitution of the package states."""
    for own in constitutions_of(subject):
        for stated in own.stated():
            yield own, stated
