"""Everything that can be asked of one environment, together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .calls import Calls
from .classes import Classes
from .commands import Commands
from .distributions import Distributions
from .finder import Finder
from .index import Index
from .types import Types


@dataclass
class Library:
    """The APIs in some folders. `own` are those of the project's source, `installed` its site-packages."""

    own: tuple[str, ...]
    installed: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, in the order of search."""
        return tuple(dict.fromkeys([*self.own, *self.installed]))

    @cached_property
    def index(self) -> Index:
        """Modules."""
        return Index(Finder(self.paths))

    @cached_property
    def classes(self) -> Classes:
        """Members."""
        return Classes(Types(self.index))

    @cached_property
    def calls(self) -> Calls:
        """Parameters and results."""
        return Calls(self.classes)

    @cached_property
    def distributions(self) -> Distributions:
        """Names and versions."""
        return Distributions(self.paths)

    @cached_property
    def commands(self) -> Commands:
        """Flags."""
        return Commands(self.index, self.distributions, self.own)

    @cached_property
    def names(self) -> frozenset[str]:
        """Whatever a document may call any of it: top modules, distributions and commands."""
        return self.index.finder.tops | self.distributions.by_name.keys() | self.commands.scripts.keys()

    def shown(self, module: str) -> str:
        """How messages name the package that a module belongs to: `acme 2.9 (installed)`."""
        found = self.distributions.of_module(module)
        if found is not None:
            return f"{found.name} {found.version} (installed)"
        source = self.index.finder.find(module)
        place = next(iter((source.path, *source.folders)) if source else iter(()), "")
        own = place.startswith(self.own) and "site-packages" not in place if self.own else False
        return f"{module.partition('.')[0]} ({'this project' if own else 'installed'})"
