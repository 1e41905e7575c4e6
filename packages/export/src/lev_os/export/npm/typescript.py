"""JSON Schemas as TypeScript types. What a type cannot say (a pattern, a range) is left to the schema beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .literals import comment, literal, property_name

_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_CHOICES = (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & "))
_DEFINITIONS = "#/$defs/"
_MAX_DEPTH = 20


class Types:
    """The types of one module. `aliases` are those that its schemas refer to, by name, in the order they were met."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self._taken = {"Input", "Output", "Flow", "Tool", "JsonSchema"}

    def of(self, schema: Any, prefix: str) -> str:
        """The type of a schema's values; the names of its definitions begin with `prefix`."""
        return _One(self, schema if isinstance(schema, Mapping) else {}, prefix).of(schema, "", 0)

    def fresh(self, name: str) -> str:
        """A name that no other alias of the module has."""
        found, number = name, 2
        while found in self._taken:
            found, number = f"{name}{number}", number + 1
        self._taken.add(found)
        return found


class _One:
    """One schema, with the definitions that its `$ref` mean."""

    def __init__(self, types: Types, root: Mapping[str, Any], prefix: str) -> None:
        self._types = types
        self._definitions = root.get("$defs")
        self._prefix = prefix
        self._made: dict[str, str] = {}

    def of(self, schema: Any, indent: str, depth: int) -> str:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return "unknown"
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        if "const" in schema or "enum" in schema:
            values = schema.get("enum", [schema.get("const")])
            return _literals(values) if isinstance(values, list) else "unknown"
        for word, sign in _CHOICES:
            if isinstance(schema.get(word), list):
                return _joined([self.of(option, indent, depth + 1) for option in schema[word]], sign)
        kind = schema.get("type")
        if isinstance(kind, list):
            return _joined([self.of({**schema, "type": one}, indent, depth + 1) for one in kind], " | ")
        if kind == "array":
            return self._array(schema, indent, depth)
        if kind == "object" or "properties" in schema:
            return self._object(schema, indent, depth)
        return _SIMPLE.get(kind, "unknown") if isinstance(kind, str) else "unknown"

    def _reference(self, reference: Any) -> str:
        name = reference.removeprefix(_DEFINITIONS) if isinstance(reference, str) else ""
        found = self._definition(name)
        if not isinstance(found, Mapping) or reference != _DEFINITIONS + name or self._leads_back(name):
            return "unknown"
        if name not in self._made:
            alias = self._made[name] = self._types.fresh(self._prefix + _alias(name))
            self._types.aliases[alias] = ""  # its place, before those it refers to
            self._types.aliases[alias] = self.of(found, "", 1)
        return self._made[name]

    def _leads_back(self, name: str) -> bool:
        """Whether a definition is itself, or a choice with itself in it: for TypeScript that is a circle."""
        seen: set[str] = set()
        waiting = list(_bare(self._definition(name)))
        while waiting:
            found = waiting.pop()
            if found == name:
                return True
            if found not in seen:
                seen.add(found)
                waiting += _bare(self._definition(found))
        return False

    def _definition(self, name: str) -> Any:
        return self._definitions.get(name) if isinstance(self._definitions, Mapping) else None

    def _array(self, schema: Mapping[str, Any], indent: str, depth: int) -> str:
        first = schema.get("prefixItems")
        if isinstance(first, list):
            return f"[{', '.join(self.of(item, indent, depth + 1) for item in first)}]"
        item = self.of(schema.get("items"), indent, depth + 1)
        return f"({item})[]" if re.search(r"[|&]", item) and not item.startswith("{") else f"{item}[]"

    def _object(self, schema: Mapping[str, Any], indent: str, depth: int) -> str:
        fields = schema.get("properties")
        more = schema.get("additionalProperties")
        deeper = indent + "  "
        if not isinstance(fields, Mapping) or not fields:
            if more is False:
                return "{ [key: string]: never }"
            return f"{{ [key: string]: {self.of(more, deeper, depth + 1)} }}"
        required = schema.get("required", ())
        lines = ["{"]
        for name, inner in fields.items():
            about = inner.get("description") if isinstance(inner, Mapping) else None
            lines.append(comment(about, deeper).rstrip("\n") if isinstance(about, str) else "")
            mark = "" if name in required else "?"
            lines.append(f"{deeper}{property_name(name)}{mark}: {self.of(inner, deeper, depth + 1)};")
        if more is True or isinstance(more, Mapping):
            lines.append(f"{deeper}[key: string]: unknown;")
        return "\n".join([*filter(None, lines), f"{indent}}}"])


def _bare(schema: Any) -> Iterator[str]:
    """The definitions that a schema refers to as a whole or as a choice."""
    if not isinstance(schema, Mapping):
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield reference.removeprefix(_DEFINITIONS)
    for word, _ in _CHOICES:
        for option in schema[word] if isinstance(schema.get(word), list) else ():
            yield from _bare(option)


def _literals(values: list[Any]) -> str:
    if values and all(value is None or isinstance(value, str | bool | int | float) for value in values):
        return " | ".join(dict.fromkeys(map(literal, values)))
    return "unknown"


def _joined(parts: list[str], sign: str) -> str:
    found = list(dict.fromkeys(parts))
    if not found or ("unknown" in found and sign == " | "):
        return "unknown"
    return sign.join(f"({part})" if len(found) > 1 and re.search(r"[|&]", part) else part for part in found)


def _alias(text: str) -> str:
    """`refund-policy` as `RefundPolicy`."""
    joined = "".join(word[:1].upper() + word[1:] for word in re.split("[^A-Za-z0-9]+", text))
    return joined if joined[:1].isalpha() else f"X{joined}"
