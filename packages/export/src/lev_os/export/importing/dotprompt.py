"""Dotprompt: `*.prompt`, a head with Picoschemas and a Handlebars template (https://google.github.io/dotprompt).

A template that fills in values and changes roles becomes a flow; conditions, loops, partials and media do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._prompts import Prompt, object_of, take
from .taken import Taken, files_named, head_of

__all__ = ["picoschema", "read"]

_VARIABLE = re.compile(r"\{\{\{?\s*(?!else\b|history\b)([A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)\s*\}?\}\}")
_UNKNOWN = re.compile(r"\{\{[^}]*\}\}")
_ROLE = re.compile(r"\{\{\s*role\s+[\"'](\w+)[\"']\s*\}\}")
_COMMENT = re.compile(r"\{\{!--.*?--\}\}|\{\{![^}]*\}\}", re.DOTALL)
_KNOWN = frozenset({"name", "description", "input", "output", "variant"})
_TYPES = frozenset({"string", "number", "integer", "boolean"})
_FIELD = re.compile(r"([^(?]+)(\?)?(?:\((\w+)(?:,\s*(.*))?\))?")


def read(path: Path) -> Taken:
    """Every prompt at or below `path`."""
    root = path if path.is_dir() else path.parent
    taken = Taken(root.resolve().name)
    for file in files_named(root, "*.prompt") if path.is_dir() else [path]:
        where = file.relative_to(root).as_posix()
        if file.name.startswith("_"):
            taken.note(where, "not taken: it is a part of other prompts")
            continue
        head = head_of(file, taken, where)
        if head is None:
            continue
        for key in head.data:
            if key not in _KNOWN:
                taken.note(where, f"`{key}` is not taken: who answers is decided where a flow runs")
        fields, optional = _input(head.data.get("input"))
        prompt = Prompt(
            str(head.data.get("name") or file.name.removesuffix(".prompt")),
            str(head.data.get("description") or ""),
            _messages(_COMMENT.sub("", head.body)),
            _VARIABLE,
            _UNKNOWN,
            fields,
            optional,
            _output(head.data.get("output")),
        )
        take(prompt, taken, where)
    return taken


def _messages(body: str) -> list[tuple[str, str]]:
    first, *rest = _ROLE.split(body)
    messages = [("user", first)] if first.strip() else []
    return [*messages, *((role, text) for role, text in zip(rest[::2], rest[1::2], strict=True) if text.strip())]


def _input(value: Any) -> tuple[dict[str, Any], frozenset[str]]:
    schema = value.get("schema") if isinstance(value, Mapping) else None
    made = picoschema(schema) if isinstance(schema, Mapping) else None
    if made is None:
        return {}, frozenset()
    fields = dict(made.get("properties", {}))
    defaults = value.get("default")
    for name, default in defaults.items() if isinstance(defaults, Mapping) else ():
        if name in fields:
            fields[name] = {**fields[name], "default": default}
    return fields, frozenset(fields.keys() - set(made.get("required", fields)))


def _output(value: Any) -> Mapping[str, Any] | None:
    schema = value.get("schema") if isinstance(value, Mapping) else None
    return picoschema(schema) if isinstance(schema, Mapping) else None


def picoschema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema that a Picoschema stands for; a JSON Schema is itself."""
    if isinstance(schema.get("type"), str) and ("properties" in schema or "items" in schema):
        return dict(schema)
    fields: dict[str, Any] = {}
    optional = set()
    for key, value in schema.items():
        found = _FIELD.fullmatch(str(key))
        if found is None or str(key) == "(*)":
            continue
        name, may_miss, kind, description = found[1].strip(), found[2], found[3], found[4]
        if may_miss:
            optional.add(name)
        made = _field(kind, value)
        fields[name] = {**made, "description": description.strip()} if description else made
    return object_of(fields, frozenset(optional))


def _field(kind: str | None, value: Any) -> dict[str, Any]:
    if kind == "array":
        return {"type": "array", "items": _field(None, value)}
    if kind == "enum":
        return {"enum": list(value)} if isinstance(value, list) else {}
    if isinstance(value, Mapping):
        return picoschema(value)
    name, _, description = str(value).partition(",")
    made = {"type": name.strip()} if name.strip() in _TYPES else {}
    return {**made, "description": description.strip()} if description.strip() else made
