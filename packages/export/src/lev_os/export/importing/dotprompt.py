"""Dotprompt: `*.prompt`, a head with Picoschemas and a Handlebars template (https://google.github.io/dotprompt).

A template that fills in values and changes roles becomes a flow; conditions, loops, partials and media do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lev_os.core.contexts.frontmatter import Frontmatter

from ._prompts import Prompt, messages_of, object_of, read_prompts
from .taken import Taken

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
    return read_prompts(path, ".prompt", _KNOWN, _prompt, parts="_")


def _prompt(name: str, head: Frontmatter) -> Prompt:
    fields, optional = _input(head.data.get("input"))
    return Prompt(
        str(head.data.get("name") or name),
        str(head.data.get("description") or ""),
        messages_of(_COMMENT.sub("", head.body), _ROLE),
        _VARIABLE,
        _UNKNOWN,
        fields,
        optional,
        _output(head.data.get("output")),
    )


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
