"""What is remembered of a module's source: the names it binds, and what each of them is."""

from __future__ import annotations

import msgspec

from .expressions import Expression


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """`kind` is one of `/` (positional only), `` (either), `*` (keyword only), `*args`, `**kwargs`."""

    name: str
    kind: str = ""
    default: bool = False
    annotation: Expression = None


class Function(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """`decorators` as expressions, outermost first. `deprecated` is the message of PEP 702's decorator, or of the
    docstring's directive; None when it is not deprecated."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    returns: Expression = None
    decorators: tuple[Expression, ...] = ()
    is_async: bool = False
    deprecated: str | None = None


class Variable(msgspec.Struct, frozen=True, array_like=True, tag="v"):
    """`parameters` are those of the method that sets it on `self`: its value may be one of them."""

    annotation: Expression = None
    value: Expression = None
    parameters: tuple[Parameter, ...] = ()


class Alias(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """`from module import name`, or `import module` where `name` is empty; `module` is absolute."""

    module: str
    name: str = ""


class Class(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """`keywords` are those of the class statement (`metaclass=`, `total=`). `dynamic`: names may be added later."""

    name: str
    bases: tuple[Expression, ...] = ()
    keywords: tuple[tuple[str, Expression], ...] = ()
    decorators: tuple[Expression, ...] = ()
    members: dict[str, tuple[Binding, ...]] = {}
    attributes: dict[str, Variable] = {}
    """What methods set on `self`."""
    fields: tuple[str, ...] = ()
    """The annotated names of its body, in order: what a dataclass takes."""
    dynamic: bool = False
    deprecated: str | None = None


Binding = Function | Variable | Alias | Class


class Module(msgspec.Struct, frozen=True, array_like=True):
    """`stars`: the modules of its star imports. `exports`: a literal `__all__`. `lazy`: the names that its
    `__getattr__` answers, where that is told by a literal table. `dynamic`: it may have any name.
    `hidden`: it may answer names that type checkers are not shown."""

    name: str
    path: str = ""
    is_package: bool = False
    members: dict[str, tuple[Binding, ...]] = {}
    stars: tuple[str, ...] = ()
    exports: tuple[str, ...] | None = None
    lazy: tuple[str, ...] = ()
    dynamic: bool = False
    hidden: bool = False
    removed: str | None = None
    """The first line of its docstring, when importing it does nothing but raise: it says where its names went."""
