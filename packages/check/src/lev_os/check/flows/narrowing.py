"""What a test tells about names: after `x != null && x.n > 1`, `x` is not null."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from lev_os.core.flowmind import cel

from .scopes import Names, empty
from .types import KINDS, NULL, Type, constant

Path = tuple[str, ...]
Change = Callable[[Type], Type]


def path_of(node: cel.Node) -> Path | None:
    """`a.b.c` as names; None for anything else."""
    fields: list[str] = []
    while isinstance(node, cel.Select):
        fields.append(node.field)
        node = node.of
    return (node.name, *reversed(fields)) if isinstance(node, cel.Name) else None


def assume(test: cel.Node, names: Names, truth: bool) -> Names:
    """What is known where `test` was true, or false: a layer over `names`."""
    layer = Names(names)
    assume_in(test, layer, truth)
    return layer


def neither(node: cel.Node, values: Iterable[str], names: Names) -> None:
    """What `node` reads is none of these, in this layer."""
    for value in values:
        _refine(node, names, partial(_except, value=value))


def assume_in(test: cel.Node, names: Names, truth: bool) -> None:
    """`assume`, in this very layer."""
    match test:
        case cel.Unary(operator="!", of=inner):
            assume_in(inner, names, not truth)
        case cel.Binary(operator="&&" | "||" as operator, left=left, right=right):
            if (operator == "&&") == truth:
                assume_in(left, names, truth)
                assume_in(right, names, truth)
            else:
                # Either side alone may have decided: what the other one is, or fails with, does not matter then.
                names.merge([assume(left, names, truth), assume(right, names, truth)])
        case cel.Binary(operator="==" | "!=" as operator, left=left, right=right):
            _compared(left, right, names, (operator == "==") == truth)
            _compared(right, left, names, (operator == "==") == truth)
        case cel.Binary(operator="in", left=left, right=cel.ListOf(items=items)) if truth:
            if all(isinstance(item, cel.Constant) for item in items):
                among(left, [item.value for item in items if isinstance(item, cel.Constant)], names)
        case cel.Binary(operator="<" | "<=" | ">" | ">=", left=left, right=right):
            known(left, names)
            known(right, names)
        case cel.Invoke(function="has", of=None, arguments=(cel.Select() as selected,)):
            if truth:
                _refine(selected, names, lambda type_: type_)  # it is there, and may be null
            else:
                known(selected.of, names)
        case cel.Name() | cel.Select():
            _refine(test, names, lambda type_: constant(truth) if "bool" in type_.kinds else type_)


def _compared(side: cel.Node, other: cel.Node, names: Names, equal: bool) -> None:
    if not isinstance(other, cel.Constant) or other.kind in ("uint", "bytes"):
        return
    if other.value is None:
        _refine(side, names, lambda type_: NULL if equal else type_.without("null"))
    elif equal:
        among(side, [other.value], names)
    else:
        _refine(side, names, lambda type_: _except(type_, other.value))


def among(side: cel.Node, values: list[str | int | float | bool | None], names: Names) -> None:
    """What `side` reads is one of these; a number may be of either kind, so only texts and truth become values."""
    kinds: set[str] = set()
    for value in values:
        kinds |= {"int", "double"} if type(value) in (int, float) else constant(value).kinds
    counted = None
    if all(isinstance(value, str | bool) or value is None for value in values):
        counted = frozenset(value for value in values if value is not None)

    def narrowed(type_: Type) -> Type:
        left = type_.kinds & kinds
        possible = counted if type_.values is None else type_.values if counted is None else type_.values & counted
        return Type(left, values=possible)

    _refine(side, names, narrowed)


def _except(type_: Type, value: str | int | float | bool | None) -> Type:
    if type_.values is None or value not in type_.values or not isinstance(value, str):
        return type_
    return replace(type_, values=type_.values - {value})


def known(node: cel.Node, names: Names) -> None:
    """The value is there, and is not null."""
    _refine(node, names, lambda type_: type_.without("null") if type_.kinds != KINDS else type_)


def _refine(node: cel.Node, names: Names, change: Change) -> None:
    path = path_of(node)
    if path is None:
        return
    before = names.get(path[0])
    after = _inside(before, path[1:], change)
    if after is not before and not empty(after):
        names.learn(path[0], after)


def _inside(type_: Type, path: Path, change: Change) -> Type:
    """The type with its part at `path` changed: what is read there exists, so what holds it is a map that has it."""
    if not path:
        changed = change(type_)
        # What cannot be is said where it is compared; nothing is concluded from it.
        return type_ if empty(changed) or (changed.values == frozenset() and changed.kinds & {"string"}) else changed
    if "map" not in type_.kinds or type_.fields is None:
        if type_.kinds == KINDS or "map" not in type_.kinds:
            return type_
        return type_.without("null")
    name, *rest = path
    if name not in type_.fields:
        return type_.without("null")
    before = type_.fields[name]
    inner = _inside(before, tuple(rest), change)
    if inner is before and name in type_.required and type_.only == "map":
        return type_
    fields = {**type_.fields, name: inner}
    return replace(type_, kinds=type_.kinds & {"map"}, fields=fields, required=type_.required | {name})
