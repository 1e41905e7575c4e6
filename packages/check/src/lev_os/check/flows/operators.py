"""CEL's operators and functions: for which kinds they are defined, and what they give.

Taken from the engine as it behaves (`common-expression-language` 0.10), which is what flows run on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .types import ANY, BOOL, DOUBLE, INT, KINDS, MORE, NUMBERS, STRING, Type, join

_SAME = {
    "+": frozenset({"int", "uint", "double", "string", "list", "bytes", "duration"}),
    "-": frozenset({"int", "uint", "double", "duration"}),
    "*": frozenset({"int", "uint", "double"}),
    "/": frozenset({"int", "uint", "double"}),
    "%": frozenset({"int", "uint"}),
    "<": frozenset({"bool", "string", "timestamp", "duration", "bytes"}),
}
_TIMES = {
    ("+", "timestamp", "duration"): "timestamp", ("+", "duration", "timestamp"): "timestamp",
    ("-", "timestamp", "duration"): "timestamp", ("-", "timestamp", "timestamp"): "duration",
}  # fmt: skip
_NUMERIC = NUMBERS | {"uint"}


def arithmetic(operator: str, left: Type, right: Type) -> Type | None:
    """What an operator gives (`<` stands for all four comparisons); None when no kinds of the two go together."""
    same = left.kinds & right.kinds & _SAME[operator]
    results = {kind if operator != "<" else "bool" for kind in same}
    if operator == "<" and left.kinds & _NUMERIC and right.kinds & _NUMERIC:
        results.add("bool")
    for (sign, one, other), result in _TIMES.items():
        if sign == operator and one in left.kinds and other in right.kinds:
            results.add(result)
    if not results:
        return None
    items = None
    if "list" in results and left.items is not None and right.items is not None:
        items = join((left.items, right.items))
    return Type(frozenset(results), items=items)


@dataclass(frozen=True)
class Signature:
    """The kinds of each argument, the receiver of a method first; `wording` says them."""

    takes: tuple[frozenset[str], ...]
    gives: Type
    wording: str


_TEXT = frozenset({"string"})
_ANYTHING = KINDS | MORE
_SIZED = frozenset({"string", "list", "map", "bytes"})
_CONVERTIBLE = frozenset({"int", "uint", "double", "string"})
_SHOWN = _CONVERTIBLE | {"timestamp", "duration", "bytes"}

_FUNCTIONS: Mapping[str, Signature] = {
    "size": Signature((_SIZED,), INT, "text, a list or a map"),
    "int": Signature((_CONVERTIBLE | {"timestamp"},), INT, "a number or text"),
    "uint": Signature((_CONVERTIBLE,), Type(frozenset({"uint"})), "a number or text"),
    "double": Signature((_CONVERTIBLE,), DOUBLE, "a number or text"),
    "string": Signature((_SHOWN,), STRING, "a number or text"),
    "type": Signature((_ANYTHING,), ANY, "anything"),
    "timestamp": Signature((_TEXT,), Type(frozenset({"timestamp"})), "text"),
    "duration": Signature((_TEXT,), Type(frozenset({"duration"})), "text"),
    "matches": Signature((_TEXT, _TEXT), BOOL, "text"),
    "dyn": Signature((_ANYTHING,), ANY, "anything"),
}
_METHODS: Mapping[str, Signature] = {
    "size": Signature((_SIZED,), INT, "text, a list or a map"),
    **{name: Signature((_TEXT, _TEXT), BOOL, "text") for name in ("contains", "startsWith", "endsWith", "matches")},
}
_FROM_TIME = Signature((frozenset({"timestamp", "duration"}),), INT, "a timestamp")


def function_of(name: str) -> Signature | None:
    """The signature of a function; None for one that is not known here."""
    return _FUNCTIONS.get(name)


def method_of(name: str) -> Signature | None:
    """The signature of a method; None for one that is not known here."""
    return _FROM_TIME if name.startswith("get") else _METHODS.get(name)
