"""Prompty: `*.prompty`, a head and a Jinja template with roles as lines (https://prompty.ai).

`inputs` or `sample` give the types of a flow's input. Statements and filters of Jinja do not become a flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lev_os.core.contexts.frontmatter import Frontmatter

from ._prompts import Prompt, messages_of, object_of, read_prompts
from .taken import Taken

__all__ = ["read"]

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}\}")
_UNKNOWN = re.compile(r"\{\{[^}]*\}\}|\{%[^%]*%\}")
_ROLE = re.compile(r"^[ \t]*(system|user|assistant|developer|function|tool):[ \t]*$", re.MULTILINE | re.IGNORECASE)
_KNOWN = frozenset({"name", "description", "inputs", "sample", "outputs", "$schema", "version", "authors", "tags"})
_TYPES = {"string": "string", "number": "number", "float": "number", "integer": "integer", "boolean": "boolean",
          "array": "array", "object": "object", "list": "array", "dict": "object"}  # fmt: skip
_PYTHON = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def read(path: Path) -> Taken:
    """Every prompt at or below `path`."""
    return read_prompts(path, ".prompty", _KNOWN, _prompt)


def _prompt(name: str, head: Frontmatter) -> Prompt:
    fields = dict(_fields(head.data.get("sample"), sample=True)) | dict(_fields(head.data.get("inputs")))
    outputs = dict(_fields(head.data.get("outputs")))
    return Prompt(
        name,
        str(head.data.get("description") or head.data.get("name") or ""),
        [(role.lower().replace("developer", "system"), text) for role, text in messages_of(head.body, _ROLE)],
        _VARIABLE,
        _UNKNOWN,
        fields,
        output=object_of(outputs) if outputs else None,
    )


def _fields(value: Any, *, sample: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Schemas of fields: from a mapping of names, from a list of properties with names, or from sample values."""
    if isinstance(value, list):
        value = {
            item["name"]: item for item in value if isinstance(item, Mapping) and isinstance(item.get("name"), str)
        }
    for name, item in value.items() if isinstance(value, Mapping) else ():
        if sample or not isinstance(item, Mapping):
            kind = _PYTHON.get(type(item))
            yield str(name), {"type": kind} if kind else {}
            continue
        kind = _TYPES.get(str(item.get("type") or item.get("kind")))
        schema: dict[str, Any] = {"type": kind} if kind else {}
        if isinstance(item.get("description"), str):
            schema["description"] = item["description"]
        if item.get("default") is not None:
            schema["default"] = item["default"]
        yield str(name), schema
