"""The modules of a project's environment, and where each of their names is bound."""

from __future__ import annotations

import re

import msgspec

from .finder import Finder
from .shapes import Binding, Module, Variable
from .store import Store


class Bound(msgspec.Struct, frozen=True):
    """A name is bound in the module `home`, to one of these; a name that is only a submodule has no bindings."""

    home: str
    bindings: tuple[Binding, ...]


class Index(msgspec.Struct, dict=True):
    """Modules, read as they are asked for."""

    finder: Finder
    store: Store = msgspec.field(default_factory=Store)
    _modules: dict[str, Module | None] = msgspec.field(default_factory=dict)

    def module(self, name: str) -> Module | None:
        """The shape of a module; None when it has no source, or none that can be read."""
        if name not in self._modules:
            source = self.finder.find(name)
            self._modules[name] = (
                self.store.read(name, source.path, is_package=source.is_package) if source and source.path else None
            )
        return self._modules[name]

    def bound(self, name: str, member: str) -> Bound | bool:
        """Where a module has a name; False when it has none, True when that cannot be told.

        A submodule counts as a name of its package, though Python wants it imported first.
        """
        found = self._bound(name, member, set())
        if found is not False:
            return found
        if self.finder.find(f"{name}.{member}") is not None:
            return Bound(f"{name}.{member}", ())
        return member.startswith("__") and member.endswith("__")

    def is_shared(self, name: str) -> bool:
        """Whether several distributions may put modules into a package: it is a namespace."""
        source = self.finder.find(name)
        if source is None or not source.folders:
            return False
        if not source.path:
            return not source.compiled
        module = self.module(name)
        return module is not None and "__path__" in module.members

    def names(self, name: str) -> list[str]:
        """The public names that a module offers: its own, its submodules, and those of star imports."""
        module = self.module(name)
        names = list(self.finder.submodules(name))
        if module is not None:
            names = [*(module.exports or ()), *module.lazy, *module.members, *names]
            for star in module.stars:
                if star != name and (other := self.module(star)) is not None:
                    names += other.exports if other.exports is not None else other.members
        return [each for each in dict.fromkeys(names) if not each.startswith("_")]

    def _bound(self, name: str, member: str, seen: set[str]) -> Bound | bool:
        source = self.finder.find(name)
        if source is None or name in seen:
            return False
        seen.add(name)
        module = self.module(name)
        if module is None:
            return source.compiled or bool(source.path)
        if member in module.members:
            return Bound(name, module.members[member])
        if member in module.lazy or (module.exports and member in module.exports):
            return self._starred(module, member, seen) or Bound(name, (Variable(),))
        doubtful = self._starred(module, member, seen)
        if isinstance(doubtful, Bound):
            return doubtful
        return doubtful or module.dynamic or bool(source.beside and _mentions(source.beside, member))

    def _starred(self, module: Module, member: str, seen: set[str]) -> Bound | bool:
        """The name among those that `from … import *` brings."""
        doubtful = False
        for star in module.stars:
            if self.finder.find(star) is None:
                doubtful = True
                continue
            found = self._bound(star, member, seen)
            if isinstance(found, Bound):
                other = self.module(star)
                exports = other.exports if other is not None else None
                if member in exports if exports is not None else not member.startswith("_"):
                    return found
            elif found:
                doubtful = True
        return doubtful


def _mentions(path: str, name: str) -> bool:
    """Whether the source beside a stub has the word: stubs may leave names out."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return re.search(rf"\b{re.escape(name)}\b", stream.read()) is not None
    except OSError:
        return True
