"""Which values of a flow are surely the same: each gets a number, and equal numbers mean equal values.

An approval covers the values that a person was shown. To say before any run that what leaves is what was shown, the
two must be the same by how they were made: the same name, a field of the same object, the same expression over the
same names. Numbers are shared (hash-consing), so that a value made of itself a hundred times over costs nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from lev_os.core.constitutional.history import digest

Symbol = int
_WORKED_OUT = frozenset({"computed", "not", "junction", "being"})
"""Kinds of values of which it is not known which they are."""


class Symbols:
    """The values of one analysis. A node is (kind, label, the symbols it is made of)."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Hashable, tuple[Symbol, ...]], Symbol] = {}
        self._nodes: list[tuple[str, Any, tuple[Symbol, ...]]] = []
        self._literals: dict[Symbol, Any] = {}
        self._identified: list[bool] = []

    def unknown(self, *origin: Hashable) -> Symbol:
        """A value of which only the origin is known: the result of a step, the input."""
        return self._number("unknown", origin, ())

    def literal(self, value: Any) -> Symbol:
        """A value that is written out; 1 and 1.0 are one, as for the gate."""
        number = self._number("literal", digest(value), ())
        self._literals.setdefault(number, value)
        return number

    def object(self, items: Mapping[str, Symbol]) -> Symbol:
        return self._number("object", tuple(items), tuple(items.values()))

    def array(self, items: Iterable[Symbol]) -> Symbol:
        return self._number("array", None, tuple(items))

    def computed(self, source: str, names: Mapping[str, Symbol]) -> Symbol:
        """What an expression makes of the values of its names; CEL has no side effects, so the same of the same."""
        return self._number("computed", (source, *names), tuple(names.values()))

    def negation(self, symbol: Symbol) -> Symbol:
        return self._number("not", None, (symbol,))

    def junction(self, operator: str, left: Symbol, right: Symbol) -> Symbol:
        """What `&&` or `||` makes of two values."""
        return self._number("junction", operator, (left, right))

    def being(self, symbol: Symbol, truth: bool) -> Symbol:
        """Whether a value is true, or is false."""
        return self._number("being", truth, (symbol,))

    def true_where(self, symbol: Symbol, *, holds: bool) -> Iterator[Symbol]:
        """The values that are surely true where this one is true (`holds`), or false."""
        pending = [(symbol, holds)]
        while pending:
            one, holds = pending.pop()
            kind, label, inner = self._nodes[one]
            if kind == "not":
                pending.append((inner[0], not holds))
            elif kind == "junction":
                if (label == "&&") == holds:
                    pending += [(part, holds) for part in inner]
            elif kind == "being":
                if label == holds:  # what is not false is taken for true, as what `approved` holds is one of them
                    pending.append((inner[0], True))
                elif holds:
                    pending.append((inner[0], False))
            elif holds:
                yield one

    def text(self, parts: Iterable[Symbol]) -> Symbol:
        return self._number("text", None, tuple(parts))

    def or_null(self, symbol: Symbol) -> Symbol:
        """The value, or null. A field of it is a field of the value: null has none, and asking fails the step."""
        return symbol if self._nodes[symbol][0] == "or null" else self._number("or null", None, (symbol,))

    def not_null(self, symbol: Symbol) -> Symbol:
        """What a value is unless it is null; of null nothing is shown to anybody."""
        kind, _, inner = self._nodes[symbol]
        return inner[0] if kind == "or null" else symbol

    def field(self, symbol: Symbol, name: str | int) -> Symbol:
        """The value of a field of a map, or at an index of a list."""
        kind, label, inner = self._nodes[symbol]
        if kind == "or null":
            return self.field(inner[0], name)
        if kind == "object" and name in label:
            found: Symbol = inner[label.index(name)]
            return found
        if kind == "array" and isinstance(name, int) and 0 <= name < len(inner):
            return inner[name]
        if kind == "literal":
            value = self._literals[symbol]
            if isinstance(value, Mapping) and name in value:
                return self.literal(value[name])
        return self._number("field", name, (symbol,))

    def item(self, symbol: Symbol, place: str) -> Symbol:
        """Some item of a list, the one that a loop at this place has come to."""
        return self._number("field", (place,), (symbol,))

    def known(self, symbol: Symbol) -> tuple[bool, Any]:
        """Whether the whole value is written out, and the value."""
        kind, label, inner = self._nodes[symbol]
        if kind == "literal":
            return True, self._literals[symbol]
        if kind not in ("object", "array"):
            return False, None
        values = [self.known(item) for item in inner]
        if not all(known for known, _ in values):
            return False, None
        items = [value for _, value in values]
        return True, dict(zip(label, items, strict=True)) if kind == "object" else items

    def shown(self, symbol: Symbol) -> frozenset[Symbol]:
        """The value and everything in it that has a symbol of its own."""
        found: set[Symbol] = set()
        pending = [symbol]
        while pending:
            one = pending.pop()
            if one in found:
                continue
            found.add(one)
            kind, _, inner = self._nodes[one]
            if kind in ("object", "array"):
                pending += inner
            elif kind == "literal":
                pending += self._inside(self._literals[one])
        return frozenset(found)

    def covered(self, symbol: Symbol, shown: frozenset[Symbol]) -> bool:
        """Whether a value is one that was shown, or a field of one."""
        while symbol not in shown:
            kind, _, inner = self._nodes[symbol]
            if kind != "field":
                return False
            symbol = inner[0]
        return True

    def identified(self, symbol: Symbol) -> bool:
        """Whether it is known which value this is, so that another symbol means another value but by accident."""
        return self._identified[symbol]

    def strings(self, symbol: Symbol) -> Iterator[tuple[str, bool]]:
        """The texts that are written out in a value, and whether each is a whole string there."""
        pending = [(symbol, True)]
        while pending:
            one, whole = pending.pop()
            kind, _, inner = self._nodes[one]
            if kind in ("object", "array"):
                pending += [(item, True) for item in inner]
            elif kind == "text":
                pending += [(item, False) for item in inner]
            elif kind == "literal":
                value = self._literals[one]
                if isinstance(value, str):
                    yield value, whole

    def _inside(self, value: Any) -> list[Symbol]:
        if isinstance(value, Mapping):
            return [self.literal(item) for item in value.values()]
        return [self.literal(item) for item in value] if isinstance(value, (list, tuple)) else []

    def _number(self, kind: str, label: Any, inner: tuple[Symbol, ...]) -> Symbol:
        key = (kind, label, inner)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._nodes)
            self._nodes.append(key)
            named = label[0] in ("input", "result") if kind == "unknown" else kind not in _WORKED_OUT
            self._identified.append(named and all(self._identified[part] for part in inner))
        return number
