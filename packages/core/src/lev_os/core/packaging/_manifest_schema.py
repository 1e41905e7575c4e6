"""The JSON Schema of `lev.toml`."""

from __future__ import annotations

from typing import Any

from ._manifest_servers import LONGEST_TIMEOUT, VARIABLE
from .manifest import FILE_NAME, FORMAT, NAME, NPM_NAME, REFERENCE


def build() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `lev.toml`, for editors."""
    path = {"type": "string", "pattern": r"^\./[^\\%:?#\"<>|]+$", "description": "A file of the package."}
    reference = {"type": "string", "pattern": f"^(?:{REFERENCE.pattern})$", "description": "module:name, or module:*."}
    file_target = {"anyOf": [path, {"const": False}, {"$ref": "#/$defs/conditions"}, {"$ref": "#/$defs/targets"}]}
    counts = {"type": "integer", "minimum": 0}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FILE_NAME,
        "description": "What a package exports, and to whom.",
        "type": "object",
        "required": ["format"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT, "description": "The version of this format."},
            "name": {"type": "string", "pattern": f"^(?:{NAME.pattern})$", "description": "The import package."},
            "description": {"type": "string"},
            "constitution": path,
            "deps": {**reference, "description": "module:function that builds what tools get as ctx.deps."},
            "exports": {
                "type": "object",
                "propertyNames": {"pattern": r"^\.(?:/[^*]*\*?[^*]*)?$"},
                "additionalProperties": {
                    "anyOf": [path, {"const": False}, {"$ref": "#/$defs/export"}, {"$ref": "#/$defs/targets"}]
                },
            },
            "mcp": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"servers": {"type": "object", "additionalProperties": _server_schema()}},
            },
            "npm": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": f"^(?:{NPM_NAME.pattern})$",
                        "description": "The package on npm; by its import name when absent.",
                    },
                },
            },
            "budget": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "context": {**counts, "description": "Tokens of each context."},
                    "bundle": {**counts, "description": "Tokens of everything that llm-first loads."},
                    "wheel-kb": {**counts, "description": "KB of the wheel."},
                    "twin-kb": {**counts, "description": "KB of the npm twin."},
                    "import-ms": {**counts, "description": "CPU milliseconds of importing the package; only warns."},
                },
            },
        },
        "$defs": {
            "targets": {"type": "array", "items": file_target},
            "conditions": _conditions_schema(file_target, reference),
            "export": {
                **_conditions_schema(file_target, reference),
                "description": "Targets by condition.",
                "minProperties": 1,
            },
        },
    }


def _server_schema() -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string", "pattern": f"^(?:{VARIABLE.pattern})$"}}
    return {
        "type": "object",
        "description": "An MCP server whose pinned tools are exported as ./tools/<server>/<tool>.",
        "additionalProperties": False,
        "oneOf": [{"required": ["command"]}, {"required": ["url"]}],
        "properties": {
            "command": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string"},
                "description": "The program, by name or as a file of the package, and its arguments.",
            },
            "url": {
                "type": "string",
                "pattern": "^https?://",
                "description": "Streamable HTTP; http on loopback.",
            },
            "env": {**names, "description": "Names of the variables that the command gets."},
            "token": {"type": "string", "description": "The name of the variable that holds the bearer token."},
            "timeout": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": LONGEST_TIMEOUT,
                "description": "Seconds for a whole call; 60 when absent.",
            },
        },
    }


def _conditions_schema(target: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    about = {
        "llm-first": "Loaded up front.",
        "llm": "Available to a model on request.",
        "python": "The Python object, or a file.",
        "default": "For everyone else.",
    }
    properties: dict[str, Any] = {condition: {**target, "description": text} for condition, text in about.items()}
    properties["python"] = {"anyOf": [reference, *target["anyOf"]], "description": about["python"]}
    properties["deprecated"] = {"type": "string", "description": "What to use instead; the export still works."}
    return {"type": "object", "properties": properties, "additionalProperties": target}
