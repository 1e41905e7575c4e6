"""Which keys may stand at a place of a document, and what they mean, from the published schemas of the formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lev_os.core import formats
from lev_os.core.documents import Path

_FORMATS = {
    "flow": "flow", "constitution": "constitution", "declared-agent": "agent", "context": "context", "skill": "context",
}  # fmt: skip
_MAX_HOPS = 40


def format_of(kind: str) -> str | None:
    """The format that files of a kind have, if it is one of ours."""
    return _FORMATS.get(kind)


def schema_of_format(name: str) -> Mapping[str, Any]:
    """The whole schema of a format."""
    return formats.schema(name)


def at(name: str, data: Any, path: Path) -> list[Mapping[str, Any]]:
    """Every part of a format's schema that the value at `path` of `data` is measured by."""
    whole = schema_of_format(name)
    found = list(_parts(whole, whole, data))
    for part in path:
        data = _child(data, part)
        found = [deeper for schema in found for deeper in _below(schema, part, whole, data)]
    return found


def properties(name: str, data: Any, path: Path) -> dict[str, Mapping[str, Any]]:
    """The keys that the mapping at `path` may have, with their schemas."""
    whole = schema_of_format(name)
    found: dict[str, Mapping[str, Any]] = {}
    for schema in at(name, data, path):
        for key, value in schema.get("properties", {}).items():
            found.setdefault(key, _resolved(value, whole))
    return found


def choices(schemas: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The texts that a value can only be one of."""
    for schema in schemas:
        if "const" in schema and isinstance(schema["const"], str):
            yield schema["const"]
        yield from (value for value in schema.get("enum", ()) if isinstance(value, str))
        if schema.get("type") == "boolean":
            yield from ("true", "false")


def description(schemas: Sequence[Mapping[str, Any]]) -> str:
    """What the schemas say of a value."""
    return next((str(schema["description"]) for schema in schemas if schema.get("description")), "")


def _child(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping) and isinstance(part, str):
        return data.get(part)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None


def _resolved(schema: Any, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with the description of what it refers to."""
    hops = 0
    while isinstance(schema, Mapping) and "$ref" in schema and hops < _MAX_HOPS:
        schema = {
            **whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]],
            **{k: v for k, v in schema.items() if k != "$ref"},
        }
        hops += 1
    return schema if isinstance(schema, Mapping) else {}


def _parts(schema: Any, whole: Mapping[str, Any], data: Any, hops: int = 0) -> Iterator[Mapping[str, Any]]:
    """The schema and those that it applies to the same value."""
    schema = _resolved(schema, whole)
    if not schema or hops > _MAX_HOPS:
        return
    yield schema
    for key in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(key, ()):
            yield from _parts(inner, whole, data, hops + 1)
    if "if" in schema:
        holds = _holds(schema["if"], data)
        for key, wanted in (("then", holds is not False), ("else", holds is not True)):
            if wanted and key in schema:
                yield from _parts(schema[key], whole, data, hops + 1)


def _holds(condition: Mapping[str, Any], data: Any) -> bool | None:
    """Whether a condition of a schema holds; None when no kind has been written yet, so that all may."""
    if condition.get("type") == "array":
        return isinstance(data, list)
    required = condition.get("required", ())
    if isinstance(data, Mapping) and required:
        return all(name in data for name in required)
    return None


def _below(
    schema: Mapping[str, Any], part: str | int, whole: Mapping[str, Any], data: Any
) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, int):
        yield from _parts(schema.get("items"), whole, data)
    elif part in schema.get("properties", {}):
        yield from _parts(schema["properties"][part], whole, data)
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from _parts(schema["additionalProperties"], whole, data)
