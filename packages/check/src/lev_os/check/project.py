"""What rules on flows, packages and whole projects look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from .cache import ABSENT, settled
from .environment import Environment
from .facts import NOTHING, Fact
from .files import File

if TYPE_CHECKING:
    from lev_os.core import Constitution, Flow, Package
    from lev_os.core.errors import Problem
    from lev_os.core.flowmind.link import LinkedFlow
    from lev_os.core.packaging import Export

    from .flows.analysis import Analysis

T = TypeVar("T")

__all__ = ["Environment", "FlowSubject", "PackageSubject", "Project"]


class PackageSubject(Struct, frozen=True, dict=True):
    """A package. `files` are those that its exports name, by path; `problems` what reading them reported."""

    package: Package
    files: Mapping[Path, File]
    flows: tuple[FlowSubject, ...] = ()
    constitution: Constitution | None = None
    """Its own as far as it can be read, or the baseline; None when nothing of its own can be."""
    problems: tuple[Problem, ...] = ()
    environment: Environment = field(default_factory=lambda: Environment(()))
    constitutions: Mapping[Path, Constitution] = field(default_factory=dict)
    """Every constitution of its files that can be read, its own and those that it exports."""
    used: dict[str, None] = field(default_factory=dict)

    @cached_property
    def exports(self) -> tuple[Export, ...]:
        """Empty when the manifest cannot be used; the reason is in `problems`."""
        from lev_os.core.errors import LevError

        try:
            return self.package.exports()
        except LevError:
            return ()

    @property
    def manifest(self) -> File:
        """The file `lev.toml`."""
        return self.files[self.package.root / "lev.toml"]

    def uses(self, *paths: str | os.PathLike[str]) -> None:
        """Say that findings rest on these files and folders too, besides the package's own; see `Project.uses`."""
        self.used.update(dict.fromkeys(os.fspath(path) for path in paths))


_ABOUT_THE_WHOLE = frozenset({"FLW303", "FLW401", "FLW402"})
"""What reading reports of steps that are all there: outputs that do not fit, steps that nothing leads to or from."""
_ABOUT_NAMES = frozenset({"FLW201", "FLW202", "FLW204"})
"""What it reports of names alone."""


class FlowSubject(Struct, frozen=True, dict=True):
    """One flow. `export` is None for a flow that was given as a file of no package.

    When parsing has reported `problems`, `flow` holds what could be read besides.
    """

    file: File
    flow: Flow
    export: Export | None = None
    problems: tuple[Problem, ...] = ()

    @cached_property
    def _links(self) -> tuple[LinkedFlow, tuple[Problem, ...]]:
        return self.flow.examine_links()

    @property
    def linked(self) -> LinkedFlow:
        """The flow with all that it refers to, as far as that can be found."""
        return self._links[0]

    @property
    def link_problems(self) -> tuple[Problem, ...]:
        """Why the rest cannot be."""
        return self._links[1]

    @cached_property
    def lost(self) -> tuple[Problem, ...]:
        """The problems that keep a step or an expression from being read: what is not in the flow may be there yet."""
        return tuple(problem for problem in self.problems if problem.code not in _ABOUT_THE_WHOLE | _ABOUT_NAMES)

    @cached_property
    def sound(self) -> bool:
        """Whether all of it could be read, and each name is that of one value; the rest is how steps go together."""
        return all(problem.code in _ABOUT_THE_WHOLE for problem in self.problems)

    @cached_property
    def undefined(self) -> list[tuple[int, int]]:
        """The lines and columns, in order, where reading has found a name or field that nothing defines."""
        found = (problem.at for problem in self.problems if problem.code == "FLW201")
        return sorted((at.line, at.column or 0) for at in found if at.line is not None)

    @cached_property
    def analysis(self) -> Analysis:
        """What is known of the flow without running it, worked out once for all rules."""
        from .flows.analysis import analyse

        return analyse(self)


class Project(Struct, frozen=True, dict=True):
    """All that is checked at once. `packages` are read when they are first asked for."""

    root: Path
    files: Sequence[File]
    environment: Environment = field(default_factory=lambda: Environment(()))
    _read_packages: Callable[[], Sequence[PackageSubject]] = tuple
    _fact: Callable[[Fact[Any], File], Any] = lambda fact, file: fact.extract(file)
    _digest: Callable[[File], bytes] = lambda file: blake2b(file.text.encode(errors="replace")).digest()
    begun: int = 0
    """When the check began, in nanoseconds: what was written just before may change again unseen."""
    _is_there: Callable[[str], bool] = lambda path: False
    used: dict[str, int | None] = field(default_factory=dict)
    """What findings rest on, with its state where that was looked at; see `uses`."""
    _made: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def packages(self) -> Sequence[PackageSubject]:
        """The packages under the paths that are checked, and those that a checked file lies in."""
        return self._read_packages()

    def of_kind(self, *kinds: str) -> Iterator[File]:
        """The files of these kinds, in order."""
        return (file for file in self.files if file.kind in kinds)

    def facts(self, fact: Fact[T]) -> Iterator[tuple[File, T]]:
        """What each file of the fact's kinds holds, in order; taken from the files once and remembered by content.

        A file that the fact cannot be taken from (`InvalidInput`) is left out.
        """
        found: list[tuple[File, T]] | None = self._made.get(fact.name)
        if found is None:
            values = ((file, self.fact(fact, file)) for file in self.of_kind(*fact.kinds))
            found = self._made[fact.name] = [(file, value) for file, value in values if value is not None]
        return iter(found)

    def fact(self, fact: Fact[T], file: File) -> T | None:
        """What one file holds; None when that cannot be taken from it."""
        value = self._fact(fact, file)
        return None if value is NOTHING else value

    def digest(self, file: File) -> bytes:
        """A name for a file's content, known without reading it again."""
        return self._digest(file)

    def uses(self, *paths: str | os.PathLike[str]) -> None:
        """Say that findings rest on these files and folders too, besides what is checked.

        What is remembered of the project holds until one of them changes: a file in its size or time, a folder in its
        entries, a path that is not there by coming to be. The files of checked packages and the environment's
        folders of installed packages are known already.
        """
        self.used.update(dict.fromkeys(os.fspath(path) for path in paths))

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder, or something that cannot be looked at; findings rest on that."""
        self.used[path] = None
        if self._is_there(path):
            return True
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            self.used[path] = ABSENT
            return False
        except OSError:
            return True
        self.used[path] = settled(status, self.begun)
        return True

    def once(self, make: Callable[[Project], T]) -> T:
        """What `make` gives for this project, made once: what several rules share."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made
