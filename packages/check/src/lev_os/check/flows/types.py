"""What a value in a flow can be: the kinds of CEL values, and for some of them what is known besides.

A `Type` says what is possible, never what is likely: every value that a running flow can have there is one of its
type. So where no value of a type fits, it is sure that nothing will.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

KINDS = frozenset({"null", "bool", "int", "double", "string", "list", "map"})
"""The kinds of JSON values; `number` binds as double, `integer` as int."""
NUMBERS = frozenset({"int", "double"})
MORE = frozenset({"uint", "bytes", "timestamp", "duration"})
"""Kinds that only exist inside an expression."""

_NAMES = {"bool": "true or false", "int": "a whole number", "double": "a double", "string": "text", "list": "a list",
          "map": "a map", "null": "null", "uint": "an unsigned number", "timestamp": "a timestamp",
          "duration": "a duration", "bytes": "bytes"}  # fmt: skip
_MAX_DEPTH = 12
_MAX_VALUES = 200


@dataclass(frozen=True, slots=True)
class Type:
    """Possible values: of one of `kinds`.

    `values`: all that are possible of scalars but null, when they can be counted. `fields`: of maps, when known;
    `required` of them are always there, and with `closed` there are no others. `items`: of lists, when known.
    """

    kinds: frozenset[str]
    values: frozenset[str | int | float | bool] | None = None
    fields: Mapping[str, Type] | None = None
    required: frozenset[str] = frozenset()
    closed: bool = False
    items: Type | None = None

    def may(self, kind: str) -> bool:
        return kind in self.kinds

    @property
    def only(self) -> str | None:
        """The one kind there is, if there is one."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    def without(self, *kinds: str) -> Type:
        return self if self.kinds.isdisjoint(kinds) else replace(self, kinds=self.kinds - set(kinds))

    def or_null(self) -> Type:
        return self if "null" in self.kinds else replace(self, kinds=self.kinds | {"null"})

    def field(self, name: str) -> Type:
        """What `.name` of the maps among the values can be, if it is there."""
        if self.fields is not None and name in self.fields:
            return self.fields[name]
        return NEVER if self.closed and self.fields is not None else ANY

    def describe(self) -> str:
        """The type in a message: `text or null`."""
        if self.values is not None and self.kinds <= {"string", "null"} and 0 < len(self.values) <= 6:
            said = [repr(value) for value in sorted(map(str, self.values))]
            return " or ".join(said + (["null"] if "null" in self.kinds else []))
        order = [name for kind, name in _NAMES.items() if kind in self.kinds]
        return " or ".join(order) if len(order) <= 3 else "one of several kinds"


ANY = Type(KINDS)
NEVER = Type(frozenset(), values=frozenset())
NULL = Type(frozenset({"null"}), values=frozenset())
BOOL = Type(frozenset({"bool"}))
INT = Type(frozenset({"int"}))
DOUBLE = Type(frozenset({"double"}))
STRING = Type(frozenset({"string"}))
NUMBER = Type(NUMBERS)


def constant(value: Any) -> Type:
    """The type of exactly one JSON value."""
    if value is None:
        return NULL
    if isinstance(value, bool | int | float | str):
        return Type(frozenset({kind_of(value)}), values=frozenset({value}))
    if isinstance(value, Mapping):
        return record({str(name): constant(item) for name, item in value.items()})
    return list_of(join(constant(item) for item in value)) if isinstance(value, list | tuple) else ANY


def kind_of(value: Any) -> str:
    """The kind of a JSON value."""
    for python, kind in (
        (bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (list, "list"), (Mapping, "map"),
    ):  # fmt: skip
        if isinstance(value, python):
            return kind
    return "null"


def one_of(values: Iterable[str]) -> Type:
    """One of some texts."""
    return Type(frozenset({"string"}), values=frozenset(values))


def record(fields: Mapping[str, Type], *, optional: Iterable[str] = (), closed: bool = True) -> Type:
    """A map of these fields."""
    return Type(frozenset({"map"}), fields=fields, required=frozenset(fields) - set(optional), closed=closed)


def list_of(items: Type) -> Type:
    return Type(frozenset({"list"}), items=items)


def join(types: Iterable[Type]) -> Type:
    """What is one of several types."""
    return reduce(_join, types, NEVER)


def _join(one: Type, other: Type) -> Type:
    if one is other or not other.kinds:
        return one
    if not one.kinds:
        return other
    if one is ANY or other is ANY:
        return ANY
    fields, required, closed = _join_fields(one, other)
    return Type(
        one.kinds | other.kinds,
        _join_values(one, other),
        fields,
        required,
        closed,
        _either(one, other, "list", one.items, other.items),
    )


def _join_values(one: Type, other: Type) -> frozenset[Any] | None:
    ours = one.values if _has_scalars(one) else frozenset()
    theirs = other.values if _has_scalars(other) else frozenset()
    if ours is None or theirs is None or len(ours) + len(theirs) > _MAX_VALUES:
        return None
    return ours | theirs


def _has_scalars(type_: Type) -> bool:
    return bool(type_.kinds - {"null", "list", "map"})


def _either(one: Type, other: Type, kind: str, ours: Type | None, theirs: Type | None) -> Type | None:
    if kind not in one.kinds:
        return theirs
    if kind not in other.kinds:
        return ours
    return None if ours is None or theirs is None else _join(ours, theirs)


def _join_fields(one: Type, other: Type) -> tuple[Mapping[str, Type] | None, frozenset[str], bool]:
    if "map" not in one.kinds:
        return other.fields, other.required, other.closed
    if "map" not in other.kinds:
        return one.fields, one.required, one.closed
    required = one.required & other.required
    if one.fields is None or other.fields is None:
        return None, required, False
    if one.fields is other.fields:
        return one.fields, required, one.closed and other.closed
    names = one.fields.keys() | other.fields.keys()
    return {name: _join(one.field(name), other.field(name)) for name in names}, required, one.closed and other.closed


# --- from JSON Schemas -----------------------------------------------------------------------------------------


def from_schema(schema: Any, *, filled: bool = True, whole: bool = False) -> Type:
    """The type of the values that fit a JSON Schema (2020-12), as they are bound: numbers coerced and, when `filled`,
    the defaults of absent properties put in.

    `whole`: the properties are all the fields there are where `additionalProperties` does not say that there may be
    more, as in a schema that was made from a type.
    """
    if not isinstance(schema, Mapping):
        return NEVER if schema is False else ANY
    return _Schemas(schema, filled, whole).of(schema, 0, bound=True)


class _Schemas:
    """Reads the parts of one schema. Where `bound` is false, values stay as they were written."""

    def __init__(self, root: Mapping[str, Any], filled: bool, whole: bool) -> None:
        self._root = root
        self._filled = filled
        self._whole = whole

    def of(self, schema: Any, depth: int, *, bound: bool) -> Type:
        if schema is False:
            return NEVER
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return ANY
        if "$ref" in schema:
            target = self._resolve(schema["$ref"])
            return ANY if target is None else self.of(target, depth + 1, bound=bound)
        if "$dynamicRef" in schema:
            return ANY
        for word in ("anyOf", "oneOf"):
            if isinstance(options := schema.get(word), list):
                found = join(self.of(option, depth + 1, bound=False) for option in options)
                kinds = self._kinds(schema, bound=False)
                return replace(found, kinds=found.kinds & kinds) if kinds != KINDS else found
        if "const" in schema:
            return self._values([schema["const"]], schema, bound)
        if isinstance(enum := schema.get("enum"), list):
            return self._values(enum, schema, bound)
        kinds = self._kinds(schema, bound)
        fields, required, closed = self._fields(schema, depth, bound) if "map" in kinds else (None, frozenset(), False)
        items = None
        if "list" in kinds and "items" in schema and "prefixItems" not in schema:
            items = self.of(schema["items"], depth + 1, bound=bound)
        if kinds == KINDS and fields is None and items is None:
            return ANY
        return Type(kinds, None, fields, required, closed, items)

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        target: Any = self._root
        for part in filter(None, reference[1:].split("/")):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        return target

    def _kinds(self, schema: Mapping[str, Any], bound: bool) -> frozenset[str]:
        if "type" not in schema:
            return KINDS
        named = schema["type"]
        types = named if isinstance(named, list) else [named]
        found: set[str] = set()
        for name in types:
            found |= _OF_TYPE.get(name, frozenset()) if isinstance(name, str) else KINDS
        # `number` makes whole numbers doubles too, `integer` makes them whole, wherever a value is bound by it.
        if not bound and found & NUMBERS:
            found |= NUMBERS
        return frozenset(found)

    def _values(self, values: list[Any], schema: Mapping[str, Any], bound: bool) -> Type:
        kinds = self._kinds(schema, bound)
        made = join(constant(value) for value in values[:_MAX_VALUES])
        if len(values) > _MAX_VALUES:
            made = ANY
        if made.kinds & NUMBERS:
            made = replace(made, kinds=made.kinds | NUMBERS)  # 1 fits `const: 1.0`
        return replace(made, kinds=made.kinds & kinds) if kinds != KINDS else made

    def _fields(
        self, schema: Mapping[str, Any], depth: int, bound: bool
    ) -> tuple[Mapping[str, Type] | None, frozenset[str], bool]:
        properties = schema.get("properties")
        all_told = self._whole and bool(properties)
        more = schema.get("additionalProperties", not all_told)
        if not isinstance(properties, Mapping):
            properties = {}
            if more is not False:
                return None, frozenset(), False
        if any(word in schema for word in ("allOf", "patternProperties", "if", "dependentSchemas")):
            return None, frozenset(), False
        fields = {name: self.of(field, depth + 1, bound=bound) for name, field in properties.items()}
        required = set(schema.get("required", ()))
        if bound and self._filled:
            required |= {name for name, part in properties.items() if isinstance(part, Mapping) and "default" in part}
        return fields, frozenset(required & fields.keys()), more is False


_OF_TYPE = {
    "string": frozenset({"string"}), "number": frozenset({"double"}), "integer": frozenset({"int"}),
    "boolean": frozenset({"bool"}), "object": frozenset({"map"}), "array": frozenset({"list"}),
    "null": frozenset({"null"}),
}  # fmt: skip
