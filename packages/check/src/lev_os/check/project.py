"""What rules on flows, packages and whole projects look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lev_os.core import Constitution, Flow, Package
from lev_os.core.errors import LevError, Problem
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.packaging import Export

from .facts import Fact
from .files import File

if TYPE_CHECKING:
    from .flows.analysis import Analysis

T = TypeVar("T")


@dataclass(frozen=True)
class Environment:
    """The project's own Python environment, which is read and never imported from. `paths`: its site-packages."""

    paths: tuple[str, ...]
    prefix: Path | None = None


@dataclass(frozen=True)
class PackageSubject:
    """A package. `files` are those that its exports name, by path; `problems` what reading them reported."""

    package: Package
    files: Mapping[Path, File]
    flows: tuple[FlowSubject, ...] = ()
    constitution: Constitution | None = None
    """Its own, or the baseline; None when it has one that cannot be read."""
    problems: tuple[Problem, ...] = ()

    @cached_property
    def exports(self) -> tuple[Export, ...]:
        """Empty when the manifest cannot be used; the reason is in `problems`."""
        try:
            return self.package.exports()
        except LevError:
            return ()

    @property
    def manifest(self) -> File:
        """The file `lev.toml`."""
        return self.files[self.package.root / "lev.toml"]


@dataclass(frozen=True)
class FlowSubject:
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
    def analysis(self) -> Analysis:
        """What is known of the flow without running it, worked out once for all rules."""
        from .flows.analysis import analyse

        return analyse(self)


@dataclass(frozen=True)
class Project:
    """All that is checked at once."""

    root: Path
    files: Sequence[File]
    packages: Sequence[PackageSubject] = ()
    environment: Environment = field(default_factory=lambda: Environment(()))
    _facts: Callable[[Fact[Any], File], Any] = field(default=lambda fact, file: fact.extract(file))

    def of_kind(self, *kinds: str) -> Iterator[File]:
        """The files of these kinds, in order."""
        return (file for file in self.files if file.kind in kinds)

    def facts(self, fact: Fact[T]) -> Iterator[tuple[File, T]]:
        """What each file of the fact's kinds holds, in order; taken from the files once and remembered by content."""
        return ((file, self._facts(fact, file)) for file in self.of_kind(*fact.kinds))
