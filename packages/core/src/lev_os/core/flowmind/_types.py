"""The JSON Schema of a Python type, in the form that flows write: closed objects, plain fields, no titles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEFS = "#/$defs/"


def schema_of_type(kind: Any) -> dict[str, Any] | None:
    """The schema of a dataclass, TypedDict, `msgspec.Struct`, Pydantic model or any type msgspec knows.

    None for a type that has none. Fields are all there are, unless the type says otherwise.
    """
    from ..packaging._annotations import runtime_schema

    definitions: dict[str, Any] = {}
    schema = runtime_schema(kind, definitions)
    if not schema:
        return None
    plain = _Plain(definitions)
    found = plain.of(schema, ())
    if plain.recursive:
        found["$defs"] = {name: plain.of(definitions[name], (name,)) for name in sorted(plain.recursive)}
    return found


class _Plain:
    """Puts definitions where they are used, except those that contain themselves."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.recursive: set[str] = set()

    def of(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
        name = str(schema.get("$ref", "")).removeprefix(_DEFS)
        if name in inside:
            self.recursive.add(name)
            return {"$ref": _DEFS + name}
        if name in self._definitions:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self.of(self._definitions[name], (*inside, name)) | beside
        made = {key: self._part(key, value, inside) for key, value in schema.items() if key != "title"}
        if "properties" in made:
            made["required"] = list(made.get("required", ()))
            made.setdefault("additionalProperties", False)
        return made

    def _part(self, key: str, value: Any, inside: tuple[str, ...]) -> Any:
        if key == "properties":
            return {name: self.of(field, inside) for name, field in value.items()}
        if key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
            return [self.of(item, inside) for item in value]
        if key in {"items", "additionalProperties"} and isinstance(value, Mapping):
            return self.of(value, inside)
        return value
