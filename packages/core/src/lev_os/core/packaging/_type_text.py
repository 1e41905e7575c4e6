"""JSON Schemas as Python type annotations, with a TypedDict for every object that has named fields."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_MAX_DEPTH = 20


class TypeNames:
    """Annotations for schemas of one module; `classes` are the TypedDicts they need, by name, in order."""

    def __init__(self, taken: set[str]) -> None:
        self.classes: dict[str, str] = {}
        self._taken = {*taken, "Any", "Literal", "TypedDict", "NotRequired", "Context", "Flow", "Mapping"}

    def of(self, schema: Any, name: str) -> str:
        """The annotation of a schema's values; `name` is what a TypedDict for it may be called."""
        root = schema if isinstance(schema, Mapping) else {}
        return _One(self, root).of(root, name, 0)

    def fresh(self, name: str) -> str:
        """A name that nothing else in the module has."""
        found, number = name, 2
        while found in self._taken or keyword.iskeyword(found):
            found, number = f"{name}{number}", number + 1
        self._taken.add(found)
        return found


class _One:
    """One schema, with the definitions that its `$ref` mean."""

    def __init__(self, names: TypeNames, root: Mapping[str, Any]) -> None:
        self._names = names
        self._root = root
        self._made: dict[str, str] = {}

    def of(self, schema: Any, name: str, depth: int) -> str:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return "Any"
        if "$ref" in schema:
            return self._reference(schema["$ref"], depth)
        if "const" in schema or "enum" in schema:
            values = schema.get("enum", [schema.get("const")])
            return _literal(values) if isinstance(values, list) else "Any"
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                return _union(self.of(option, name, depth + 1) for option in schema[word])
        kind = schema.get("type")
        if isinstance(kind, list):
            return _union(self.of({**schema, "type": one}, name, depth + 1) for one in kind)
        if kind == "array":
            return f"list[{self.of(schema.get('items'), name + 'Item', depth + 1)}]"
        if kind == "object" or "properties" in schema:
            return self._object(schema, name, depth)
        return _SIMPLE.get(kind, "Any") if isinstance(kind, str) else "Any"

    def _reference(self, reference: Any, depth: int) -> str:
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            return "Any"
        if reference not in self._made:
            name = reference.removeprefix("#/$defs/")
            definitions = self._root.get("$defs")
            found = definitions.get(name) if isinstance(definitions, Mapping) else None
            if isinstance(found, Mapping) and isinstance(found.get("properties"), Mapping):
                self._object(found, camel(name), depth + 1, reference)
            else:
                self._made[reference] = "Any"  # until it is known: a definition may refer to itself
                self._made[reference] = self.of(found, camel(name), depth + 1)
        return self._made[reference]

    def _object(self, schema: Mapping[str, Any], name: str, depth: int, reference: str | None = None) -> str:
        fields = schema.get("properties")
        if not isinstance(fields, Mapping) or not fields:
            return f"dict[str, {self.of(schema.get('additionalProperties'), name + 'Value', depth + 1)}]"
        made = self._names.fresh(name)
        if reference is not None:
            self._made[reference] = made
        self._names.classes[made] = ""  # its place, before those of its fields
        required = schema.get("required", ())
        entries = {}
        for field, inner in fields.items():
            annotation = self.of(inner, name + camel(field), depth + 1)
            entries[field] = annotation if field in required else f"NotRequired[{annotation}]"
        self._names.classes[made] = _typed_dict(made, entries)
        return made


def _typed_dict(name: str, entries: Mapping[str, str]) -> str:
    if all(is_name(field) and not field.startswith("__") for field in entries):
        return "\n".join([f"class {name}(TypedDict):", *(f"    {field}: {text}" for field, text in entries.items())])
    inner = ", ".join(f"{field!r}: {text}" for field, text in entries.items())
    return f"{name} = TypedDict({name!r}, {{{inner}}})"


def _literal(values: list[Any]) -> str:
    if values and all(value is None or isinstance(value, str | bool | int) for value in values):
        return f"Literal[{', '.join(map(repr, values))}]"
    return "Any"


def _union(parts: Any) -> str:
    found = list(dict.fromkeys(parts))
    return "Any" if "Any" in found or not found else " | ".join(found)


def is_name(text: str) -> bool:
    """Whether Python can say it as a name, and as no other (it takes `ª` for `a`)."""
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def camel(text: str) -> str:
    """`refund-policy` as `RefundPolicy`."""
    joined = "".join(word[:1].upper() + word[1:] for word in re.split("[^A-Za-z0-9]", text))
    return joined if joined[:1].isalpha() else f"X{joined}"
