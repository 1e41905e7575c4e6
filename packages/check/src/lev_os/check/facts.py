"""What rules on a whole project need to know of each file, taken from it once and remembered by its content.

A rule that compares files (duplicates, links, names of an API) would otherwise parse all of them again because one
has changed. A fact is a function from a `File` to a value that msgspec can write:

    @fact("headings", kinds={"skill"}, type=tuple[str, ...])
    def headings(file: File) -> tuple[str, ...]: ...

and a rule reads `for file, value in project.facts(headings)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from .files import File

T = TypeVar("T")


class Fact(msgspec.Struct, Generic[T], frozen=True, dict=True):
    """One kind of knowledge about a file. `type` is what `extract` returns, as msgspec reads it back.

    `late`: few files are asked for it, so it is taken when one is."""

    name: str
    kinds: frozenset[str]
    type: Any
    extract: Callable[[File], T]
    late: bool = False

    @cached_property
    def decoder(self) -> msgspec.msgpack.Decoder[T]:
        """Reads what was remembered."""
        return msgspec.msgpack.Decoder(self.type)


NOTHING = object()
"""In place of a fact of a file that cannot be read as what it should be; rules do not see it."""

FACTS: dict[str, Fact[Any]] = {}
"""Every fact that has been loaded, by name."""


def fact(name: str, *, kinds: Iterable[str], type: Any, late: bool = False) -> Callable[[Callable[[File], T]], Fact[T]]:
    """Make a fact of the function below; it must depend on nothing but the file's name, kind and text."""

    def register(extract: Callable[[File], T]) -> Fact[T]:
        FACTS[name] = made = Fact(name, frozenset(kinds), type, extract, late)
        return made

    return register
