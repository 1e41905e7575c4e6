"""From a JSON Schema back to the shorthand of flows, where it says exactly the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..canonical import encode
from ..schemas import TYPES, UNTRUSTED, InvalidSchema, shorthand_to_schema

_OBJECT = {"type", "properties", "required", "additionalProperties"}


def to_shorthand(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields whose schema is `schema`; None when only the full schema says it."""
    if schema.keys() != _OBJECT:
        return None
    fields = _fields(schema)
    try:
        made = None if fields is None else shorthand_to_schema(fields)
    except InvalidSchema:
        return None
    return fields if made is not None and encode(made) == encode(schema) else None


def _fields(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        return None
    return {name: _field(field, name in required) for name, field in properties.items()}


def _field(schema: Any, required: bool) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    field: dict[str, Any] = {key: value for key, value in schema.items() if key != UNTRUSTED}
    if "properties" in field and (fields := _fields(field)) is not None:
        field = {key: value for key, value in field.items() if key not in _OBJECT} | {"properties": fields}
    if "items" in field:
        field["items"] = _field(field["items"], required=True)
    if schema.get(UNTRUSTED) is True:
        field["untrusted"] = True
    if not required and "default" not in field:
        field["optional"] = True
    if not field:
        return "any"
    if field.keys() == {"type"} and field["type"] in TYPES:
        return field["type"]
    if field.keys() == {"type", "items"} and field["type"] == "array":
        return [field["items"]]
    return field
