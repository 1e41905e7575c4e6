"""What is known of the values of a flow's names before it runs: their JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.names import ITEM
from lev_os.core.schemas import shorthand_to_schema

from .outline import Name, Outline, Scope, Step
from .workspace import Open, Workspace

Schema = Mapping[str, Any]
_VERDICT: Schema = {
    "type": "object",
    "properties": {
        "holds": {"type": ["boolean", "null"]},
        "confidence": {"type": ["number", "null"]},
        "evidence": {},
        "decided_by": {"type": "string"},
    },
}
_ERROR: Schema = {
    "type": "object",
    "properties": {"kind": {"type": "string"}, "message": {"type": "string"}, "step": {"type": "string"}},
}


def schema_of(workspace: Workspace, opened: Open, outline: Outline, name: Name) -> Schema:
    """The schema of a name's value; empty when nothing is known."""
    if name.kind == "input":
        return _declared(outline.data, "input") or {}
    if name.kind == "error":
        return _ERROR
    if name.kind == "id" and name.step is not None:
        return _of_step(workspace, opened, outline, name.step)
    if name.kind == "item" and name.over and name.step is not None:
        found = name.step.scope.find(name.over[0])
        if found is not None:
            whole = schema_of(workspace, opened, outline, found[1])
            return field_of(whole, (*name.over[1:], ITEM))
    return {}


def field_of(schema: Schema, path: tuple[str, ...]) -> Schema:
    """The schema of a field; empty when nothing is known of it."""
    for part in path:
        inner = schema.get("items") if part == ITEM else schema.get("properties", {}).get(part)
        if part == ITEM and inner is None:
            inner = schema.get("additionalProperties")
        if not isinstance(inner, Mapping):
            return {}
        schema = inner
    return schema


def in_words(schema: Schema) -> str:
    """A schema in a few words: `{text: string, score: number}`, `one of low, high`, `list of string`."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if isinstance(schema.get("properties"), Mapping):
        fields = (f"{name}: {in_words(field)}" for name, field in schema["properties"].items())
        return "{" + ", ".join(fields) + "}"
    kind = schema.get("type")
    if kind == "array":
        return f"list of {in_words(schema['items'])}" if isinstance(schema.get("items"), Mapping) else "list"
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    return str(kind) if kind else "any"


def _of_step(workspace: Workspace, opened: Open, outline: Outline, step: Step) -> Schema:
    match step.kind:
        case "ask" | "wait":
            return _declared(step.data, "returns") or {"type": "string"}
        case "call":
            export = workspace.find(str(step.data["call"]), opened.package)
            return _output(lambda: export.package.card(export.subpath).output_schema) if export else {}
        case "flow":
            return _output(lambda: _sub_flow(workspace, opened, str(step.data["flow"])))
        case "if_semantic":
            return _VERDICT
        case "switch_semantic":
            return {"type": "string", "enum": [*step.inside.keys() - {"uncertain"}, "uncertain"]}
        case "while" | "while_semantic":
            return {"type": "integer"}
        case "parallel":
            branches = {label: _of_scope(workspace, opened, outline, scope) for label, scope in step.scopes.items()}
            return {"type": "object", "properties": branches}
        case "for_each":
            collected = "collect" in step.data
            items = {} if collected else _of_scope(workspace, opened, outline, step.scopes["do"])
            return {"type": "array", "items": items}
    return {}


def _of_scope(workspace: Workspace, opened: Open, outline: Outline, scope: Scope) -> Schema:
    """The results of the steps of a body, by their ids."""
    names = (name for name in scope.names.values() if name.kind == "id")
    return {"type": "object", "properties": {n.text: schema_of(workspace, opened, outline, n) for n in names}}


def _declared(data: Mapping[str, Any], key: str) -> Schema | None:
    """A schema in shorthand, or whole beside it."""
    whole = data.get(f"{key}_schema")
    if isinstance(whole, Mapping):
        return whole
    given = data.get(key)
    if not isinstance(given, Mapping):
        return None
    return shorthand_to_schema(given, lambda path, message, help: None)


def _sub_flow(workspace: Workspace, opened: Open, reference: str) -> Schema | None:
    export = workspace.find(reference, opened.package)
    if export is None or export.kind != "flow":
        return None
    text, path = export.package.read(export.subpath, "llm")
    return Flow.parse(text, package=export.package, path=str(path)).tree.output_schema


def _output(read: Any) -> Schema:
    """What reading gives; nothing for what cannot be read."""
    try:
        return read() or {}
    except (InvalidInput, LevError, OSError):
        return {}
