"""What is known of each name at one place of a flow: layers of changes over what was known before.

A branch gets a layer of its own and leaves its changes to be joined, so the cost of a step depends on what it changes
and not on how many names there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .types import ANY, NEVER, Type, join

UNBOUND = Type(frozenset({"null"}), values=frozenset())
"""The null of a name that nothing has bound: this very object, and no other null."""


class Names:
    """The types of names. What is `defined` and has not been bound is null, as it is when a flow runs."""

    __slots__ = ("_above", "_ever", "_types", "dead")

    def __init__(self, above: Names | None = None, defined: Iterable[str] = ()) -> None:
        self._above = above
        self._types: dict[str, Type] = dict.fromkeys(defined, UNBOUND)
        self._ever: dict[str, Type] = {}
        self.dead: bool = above is not None and above.dead
        """Whether this place is never reached."""

    def get(self, name: str) -> Type:
        """What a name can be here: `UNBOUND` when nothing has bound it yet, anything when nothing ever does."""
        here: Names | None = self
        while here is not None:
            found = here._types.get(name)
            if found is not None:
                return found
            here = here._above
        return ANY

    def bind(self, name: str, type_: Type) -> None:
        """Give a name a value."""
        self._types[name] = type_
        before = self._ever.get(name)
        self._ever[name] = type_ if before is None else join((before, type_))

    def learn(self, name: str, type_: Type) -> None:
        """Know more of a value that a name has already."""
        self._types[name] = type_

    def bound(self) -> Iterable[str]:
        """The names that were given a value in this layer."""
        return self._ever.keys()

    def forget(self, names: Iterable[str]) -> None:
        """These may have been given any value, or none."""
        for name in names:
            self._types[name] = ANY

    def interrupted(self, layer: Names) -> Names:
        """What is known if a layer above this one stopped somewhere: each of its values, or none of them."""
        after = Names(self)
        after.dead = self.dead
        for name, type_ in layer._ever.items():
            after.bind(name, join((self.get(name), type_)))
        return after

    def merge(self, layers: Sequence[Names]) -> None:
        """Go on after one of these layers above this one, whichever it was; dead where none of them goes on."""
        for layer in layers:
            for name, type_ in layer._ever.items():
                before = self._ever.get(name)
                self._ever[name] = type_ if before is None else join((before, type_))
        self.dead = all(layer.dead for layer in layers)
        alive = [layer for layer in layers if self.dead or not layer.dead]
        changed: dict[str, list[Type]] = {}
        for layer in alive:
            for name, type_ in layer._types.items():
                changed.setdefault(name, []).append(type_)
        for name, found in changed.items():
            if len(found) < len(alive):  # the others leave it as it is here
                found.append(self.get(name))
        self._types.update((name, join(found)) for name, found in changed.items())


def empty(type_: Type) -> bool:
    """Whether no value is possible."""
    return type_ is NEVER or not type_.kinds
