"""Contexts: Markdown with frontmatter, written for a model and checked like code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import Context as Context
    from .frontmatter import frontmatter_schema as frontmatter_schema
    from .references import Reference as Reference
    from .render import render_text as render_text

_HOMES = {
    "Context": "context",
    "Reference": "references",
    "frontmatter_schema": "frontmatter",
    "render_text": "render",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load what is asked for (PEP 562): reading a text's layout needs none of the rest."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value
