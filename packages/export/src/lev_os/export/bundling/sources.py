"""From specifiers, packages and folders to the texts that a bundle chooses among."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lev_os.core.errors import LevError

from .folders import read_folder
from .model import Text

if TYPE_CHECKING:
    from lev_os.core.packaging import Export, Package, PackageConfig

    from .packages import Reader

Source: TypeAlias = "str | os.PathLike[str] | Package | Export | PackageConfig"
"""A specifier, a package's name, the path of a package, a folder or a file; or the package or export itself."""


class Collection:
    """Texts by specifier. `candidates`, sorted, may be chosen for themselves; others only come with what requires them.

    `absent` says why what is required is not there.
    """

    def __init__(self, sources: Sequence[Source], installed: Sequence[Package] | None = None) -> None:
        """Raises `LevError` for a source that is not there; what cannot be used within one has a `fault`."""
        self.texts: dict[str, Text] = {}
        self.absent: dict[str, str] = {}
        for source in sources:
            self._take(self._read(source))
        if not sources:
            self._take(self._packages.installed(installed))
        self.candidates = tuple(sorted(self.texts))
        pending = [ref for text in self.texts.values() for ref in text.requires]
        while pending:
            ref = pending.pop()
            if ref in self.texts or ref in self.absent:
                continue
            try:
                self.texts[ref] = self._packages.required(ref)
            except LevError as error:
                self.absent[ref] = error.message
                continue
            pending += self.texts[ref].requires
        for text in [*self.texts.values()]:
            for ref in text.conflicts:
                if ref not in self.texts and (reason := self._missing(ref)) is not None:
                    text.note += f"; conflicts with {ref}: {reason}"

    def _missing(self, ref: str) -> str | None:
        """Why what a text conflicts with is nowhere; None where it only is not among the sources."""
        try:
            self._packages.required(ref)
        except LevError as error:
            return error.message
        return None

    @cached_property
    def _packages(self) -> Reader:
        """What reads packages; a folder needs none of it, and it takes time to import."""
        from .packages import Reader

        return Reader()

    def _take(self, texts: Iterable[Text]) -> None:
        for text in texts:
            self.texts.setdefault(text.specifier, text)

    def _read(self, source: Source) -> Iterable[Text]:
        if not isinstance(source, str | os.PathLike):
            return self._packages.given(source)
        path = Path(source)
        written_as_path = not isinstance(source, str) or (os.sep in source and path.exists())
        if not written_as_path:
            try:
                return self._packages.named(str(source))
            except LevError:
                if not path.exists():
                    raise
        if path.name == "lev.toml" or (path / "lev.toml").is_file():
            return self._packages.at(path)
        if not path.exists():
            raise LevError(f"{path} does not exist", help="name a package, a specifier, a folder or a file")
        return read_folder(path)
