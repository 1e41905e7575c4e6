"""Everything that can be asked of one environment, together; each part is loaded when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from .calls import Calls
    from .classes import Classes
    from .commands import Commands
    from .distributions import Distributions
    from .index import Index


class Library(Struct, dict=True):
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
        from .finder import Finder
        from .index import Index

        return Index(Finder(self.paths))

    @cached_property
    def classes(self) -> Classes:
        """Members."""
        from .classes import Classes
        from .types import Types

        return Classes(Types(self.index))

    @cached_property
    def calls(self) -> Calls:
        """Parameters and results."""
        from .calls import Calls

        return Calls(self.classes)

    @cached_property
    def distributions(self) -> Distributions:
        """Names and versions."""
        from .distributions import Distributions

        return Distributions(self.paths)

    @cached_property
    def commands(self) -> Commands:
        """Flags."""
        from .commands import Commands

        return Commands(self.index, self.distributions, self.own)

    @cached_property
    def names(self) -> frozenset[str]:
        """Whatever a document may call any of it: top modules, distributions and commands."""
        return self.index.finder.tops | self.distributions.by_name.keys() | self.commands.scripts.keys()

    def rests_on(self) -> tuple[str, ...]:
        """The files and folders that answers came from so far."""
        made = vars(self)
        found = self.index.finder.rests_on() if "index" in made else ()
        return (*found, *(self.commands.rests_on if "commands" in made else ()))

    def save(self) -> None:
        """Keep what was read of modules for other checks."""
        if "index" in vars(self):
            self.index.store.save()

    def shown(self, module: str) -> str:
        """How messages name the package that a module belongs to: `acme 2.9 (installed)`."""
        found = self.distributions.of_module(module)
        if found is not None:
            return f"{found.name} {found.version} (installed)"
        source = self.index.finder.find(module)
        place = next(iter((source.path, *source.folders)) if source else iter(()), "")
        own = place.startswith(self.own) and "site-packages" not in place if self.own else False
        return f"{module.partition('.')[0]} ({'this project' if own else 'installed'})"
