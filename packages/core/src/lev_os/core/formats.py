"""The JSON Schemas (2020-12) of the file formats, from the tables that the readers themselves use."""

from __future__ import annotations

from typing import Any, Final

FORMATS: Final = ("flow", "lev.toml", "constitution", "context", "agent")
"""The formats, by the names that `lev schema` takes; `context` is the frontmatter of a context."""


def schema(name: str) -> dict[str, Any]:
    """The schema of one of `FORMATS`; raises `KeyError` for any other name. The caller must not change it."""
    match name:
        case "flow":
            from .flowmind._shapes import flow_schema

            return flow_schema()
        case "lev.toml":
            from .packaging import manifest_schema

            return manifest_schema()
        case "constitution":
            from .constitutional import constitution_schema

            return constitution_schema()
        case "context":
            from .contexts import frontmatter_schema

            return frontmatter_schema()
        case "agent":
            from .agents import agent_schema

            return agent_schema()
    raise KeyError(name)
