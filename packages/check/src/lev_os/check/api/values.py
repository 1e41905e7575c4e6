"""What an expression may refer to. `None` stands for anything: of it nothing is known, so nothing is said."""

from __future__ import annotations

import msgspec

from .expressions import Expression
from .shapes import Class, Function


class ModuleValue(msgspec.Struct, frozen=True):
    name: str


class ClassValue(msgspec.Struct, frozen=True, eq=False):
    """A class; `name` is dotted for one inside another. `local`: it is defined in a document."""

    module: str
    name: str
    shape: Class
    local: bool = False


class BuiltinValue(msgspec.Struct, frozen=True):
    """A class of `builtins`."""

    name: str


class SpecialValue(msgspec.Struct, frozen=True):
    """What type checkers know by name: `typing.Any`, `typing.Generic`, `dataclasses.dataclass`…"""

    name: str


class AliasedType(msgspec.Struct, frozen=True, eq=False):
    """A type under a name of its own (`Maybe = Union[A, B]`), written in the module `home`."""

    expression: Expression
    home: str


class InstanceValue(msgspec.Struct, frozen=True, eq=False):
    """An instance of a class, and the class's arguments in brackets."""

    of: ClassValue
    arguments: tuple[Value, ...] = ()


class FunctionValue(msgspec.Struct, frozen=True, eq=False):
    """A function: several shapes when it is overloaded. `bound`: its first parameter is taken."""

    module: str
    shapes: tuple[Function, ...]
    owner: ClassValue | None = None
    bound: bool = False
    within: Value = None
    """What it was looked up on."""


class Container(msgspec.Struct, frozen=True, eq=False):
    """An instance of a class that is known for what it holds: `list`, `Iterator`, `Awaitable`, `ContextManager`…"""

    type: str
    arguments: tuple[Value, ...]


class OneOf(msgspec.Struct, frozen=True, eq=False):
    """One of several values."""

    of: tuple[Value, ...]


class Nothing(msgspec.Struct, frozen=True):
    """`None` itself."""


Value = (
    ModuleValue
    | ClassValue
    | BuiltinValue
    | SpecialValue
    | AliasedType
    | InstanceValue
    | FunctionValue
    | Container
    | OneOf
    | Nothing
    | None
)


class Found(msgspec.Struct, frozen=True):
    """The name exists. `deprecated` is the message that goes with it, where it is deprecated."""

    value: Value = None
    deprecated: str | None = None


class Missing(msgspec.Struct, frozen=True):
    """The name does not exist. `names` are those that do, for a suggestion; `sure` is false where the evidence is
    good but not complete."""

    names: tuple[str, ...] = ()
    sure: bool = True


Answer = Found | Missing | None
"""None when it cannot be told."""


def one_of(values: list[Value]) -> Value:
    """The values as one, `None` if any of them is unknown."""
    flat: list[Value] = []
    for value in values:
        for each in value.of if isinstance(value, OneOf) else (value,):
            if each is None:
                return None
            if all(not _same(each, other) for other in flat):
                flat.append(each)
    return flat[0] if len(flat) == 1 else OneOf(tuple(flat)) if flat else None


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, InstanceValue) and isinstance(other, InstanceValue):
        return _same(one.of, other.of) and not one.arguments and not other.arguments
    if isinstance(one, ClassValue) and isinstance(other, ClassValue):
        return (one.module, one.name) == (other.module, other.name) and not one.local and not other.local
    return one == other
